/** What accounts.ts has done with rows. No client can call it, and no secret comes here. */
import { v } from "convex/values";
import { internal } from "./_generated/api";
import { internalMutation } from "./functions";
import {
  accountOf,
  addCode,
  addSignIn,
  countAny,
  countMail,
  countTry,
  dropCodes,
  endAll,
  endSignIn,
  forgetTries,
  personOf,
  removeAccount,
  rotate,
  useCode,
} from "./model/accounts";
import { readUpTo } from "./model/limits";

const BATCH = 100;
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const signIn = { key: v.string(), secretHash: v.string() };
const person = v.union(
  v.object({ subject: v.string(), email: v.string(), name: v.string() }),
  v.null(),
);

/** Count a try; return when the next one is free, or the password's hash to compare with. */
export const attempt = internalMutation({
  args: { email: v.string() },
  returns: v.object({
    retryAt: v.union(v.number(), v.null()),
    passwordHash: v.union(v.string(), v.null()),
  }),
  handler: async (ctx, { email }) => {
    const retryAt = await countTry(ctx, email);
    const account = await accountOf(ctx.db, email);
    return { retryAt, passwordHash: (retryAt === null && account?.passwordHash) || null };
  },
});

/** Count a try of a code; return when the next one is free. */
export const attemptCode = internalMutation({
  args: {},
  returns: v.union(v.number(), v.null()),
  handler: async (ctx) => await countAny(ctx, "signIns"),
});

/** Begin a sign-in of whoever knew the password of this hash. */
export const begin = internalMutation({
  args: { email: v.string(), passwordHash: v.string(), ...signIn },
  returns: person,
  handler: async (ctx, { email, passwordHash, ...made }) => {
    const account = await accountOf(ctx.db, email);
    // It may have been changed while the password was compared.
    if (account?.passwordHash !== passwordHash) return null;
    await forgetTries(ctx, account.email);
    await addSignIn(ctx, account._id, made);
    return personOf(account);
  },
});

/** Have a code mailed to an address if it has an account; return when the next may be asked for. */
export const askForMail = internalMutation({
  args: { email: v.string() },
  returns: v.union(v.number(), v.null()),
  handler: async (ctx, { email }) => {
    const retryAt = await countMail(ctx, email);
    if (retryAt !== null) return retryAt;
    // Scheduled in either case: what it takes is the same, and no stranger's address is kept.
    const account = (await accountOf(ctx.db, email))?._id ?? null;
    await ctx.scheduler.runAfter(0, internal.mail.send, { account });
    return null;
  },
});

/** Keep a code that is mailed now; return where to, null if the account is gone. */
export const mailed = internalMutation({
  args: { account: v.id("accounts"), codeHash: v.string() },
  returns: v.union(v.string(), v.null()),
  handler: async (ctx, { account, codeHash }) => {
    const found = await ctx.db.get("accounts", account);
    if (found === null) return null;
    const { email, name } = found;
    // The codes before it stay: whoever asks for mails to others is not to take theirs away.
    await addCode(ctx, { email, name, codeHash, expiresAt: Date.now() + 10 * MINUTE });
    return email;
  },
});

/** Begin a sign-in by a code, which makes the account at the first time; set the password. */
export const redeem = internalMutation({
  args: {
    email: v.string(),
    codeHash: v.string(),
    passwordHash: v.optional(v.string()),
    ...signIn,
  },
  returns: person,
  handler: async (ctx, { email, codeHash, passwordHash, ...made }) => {
    const code = await useCode(ctx, email, codeHash);
    if (code === null) return null;
    const known = await accountOf(ctx.db, email);
    const id =
      known?._id ?? (await ctx.db.insert("accounts", { email: code.email, name: code.name }));
    if (passwordHash !== undefined) {
      await ctx.db.patch("accounts", id, { passwordHash });
      // Whoever knew the old one is out.
      await endAll(ctx, id);
    }
    const account = await ctx.db.get("accounts", id);
    if (account === null) return null;
    await forgetTries(ctx, account.email);
    await addSignIn(ctx, id, made);
    return personOf(account);
  },
});

/** Renew a sign-in, if the secret is its last one. */
export const renew = internalMutation({
  args: { ...signIn, nextHash: v.string() },
  returns: person,
  handler: async (ctx, { key, secretHash, nextHash }) => {
    const account = await rotate(ctx, key, secretHash, nextHash);
    return account && personOf(account);
  },
});

export const end = internalMutation({
  args: { ...signIn, everywhere: v.boolean() },
  returns: v.null(),
  handler: async (ctx, args) => {
    await endSignIn(ctx, args);
    return null;
  },
});

/** Let the owner of an address sign in by a code of which this is the hash (administrators). */
export const invite = internalMutation({
  args: { email: v.string(), name: v.optional(v.string()), codeHash: v.string() },
  returns: v.null(),
  handler: async (ctx, { email, name, codeHash }) => {
    await dropCodes(ctx, email);
    await addCode(ctx, {
      email,
      codeHash,
      expiresAt: Date.now() + 7 * DAY,
      ...(name === undefined ? {} : { name }),
    });
    return null;
  },
});

/** Remove an account with its sign-ins; say whether there was one (administrators). */
export const remove = internalMutation({
  args: { email: v.string() },
  returns: v.boolean(),
  handler: async (ctx, { email }) => {
    const account = await accountOf(ctx.db, email);
    if (account === null) await dropCodes(ctx, email);
    else await removeAccount(ctx, account);
    return account !== null;
  },
});

/** Delete what has run out. */
export const sweep = internalMutation({
  args: {},
  returns: v.null(),
  handler: async (ctx) => {
    const codes = ctx.db
      .query("accountCodes")
      .withIndex("by_expires", (q) => q.lt("expiresAt", Date.now()));
    const signIns = ctx.db
      .query("signIns")
      .withIndex("by_expires", (q) => q.lt("expiresAt", Date.now()));
    const [oldCodes, oldSignIns] = [await readUpTo(codes, BATCH), await readUpTo(signIns, BATCH)];
    for (const { _id } of oldCodes.rows) await ctx.db.delete("accountCodes", _id);
    for (const { _id } of oldSignIns.rows) await ctx.db.delete("signIns", _id);
    if (oldCodes.more || oldSignIns.more)
      await ctx.scheduler.runAfter(0, internal.credentials.sweep, {});
    return null;
  },
});
