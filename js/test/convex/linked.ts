/** How two identities become one person's, step by step. */
import { api } from "../../convex/_generated/api";
import { hashOf, newId, type Person, write } from "./backend";

/** Make a code; return it. */
export async function start(maker: Person): Promise<string> {
  const code = `CODE${newId()}`;
  await write(maker, api.linking.start, { codeHash: await hashOf(code) });
  return code;
}

/** Make a code of one and redeem it as the other; return whom the maker has to confirm. */
export async function redeemed(maker: Person, redeemer: Person): Promise<string> {
  const code = await start(maker);
  const said = await write(redeemer, api.linking.redeem, { code });
  if ("refused" in said) throw new Error(said.refused);
  await write(redeemer, api.linking.redeem, { code, agreed: said.maker.tokenIdentifier });
  const { link } = await maker.query(api.linking.mine, {});
  if (!link?.other) throw new Error("Nobody redeemed it.");
  return link.other.tokenIdentifier;
}

/** Link one identity to the other's user; return it. */
export async function linkUp(maker: Person, redeemer: Person): Promise<string> {
  const identity = await redeemed(maker, redeemer);
  await write(maker, api.linking.confirm, { identity });
  return identity;
}
