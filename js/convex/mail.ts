/** What is sent by mail. No client can call it. */
import { v } from "convex/values";
import { internal } from "./_generated/api";
import { internalAction } from "./functions";
import { mailCode, mailer, makeCode } from "./model/mail";
import { hashOf } from "./model/sha256";

/**
 * Mail a code to the owner of an account; to nobody, where whoever asked has none. The code is
 * made here, since the arguments of what is scheduled are kept in a row.
 */
export const send = internalAction({
  args: { account: v.union(v.id("accounts"), v.null()) },
  returns: v.null(),
  handler: async (ctx, { account }): Promise<null> => {
    if (account === null) return null;
    const code = makeCode();
    const given = { account, codeHash: hashOf(code) };
    const email = await ctx.runMutation(internal.credentials.mailed, given);
    if (email !== null) await mailCode(mailer(), email, code);
    return null;
  },
});
