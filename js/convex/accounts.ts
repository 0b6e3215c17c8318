/**
 * Signing in by an account of this deployment. Whoever calls these is not signed in: they tell
 * a stranger nothing of who has an account, and count every try.
 */
import { v } from "convex/values";
import { internal } from "./_generated/api";
import { openAction } from "./functions";
import { refusal } from "./model/errors";
import { hasMail, mailer } from "./model/mail";
import { hashPassword, isPassword } from "./model/passwords";
import { hashOf } from "./model/sha256";
import {
  hasAccounts,
  newRefresh,
  type Person,
  type Refresh,
  readRefresh,
  refreshText,
  type SigningKey,
  signingKey,
  signToken,
} from "./model/tokens";

const SHORTEST = 10;
const LONGEST = 256;

const tokens = v.object({ token: v.string(), refreshToken: v.string() });
type Tokens = typeof tokens.type;

/** Say what there is to sign in with: accounts, and mails with codes. */
export const offers = openAction({
  args: {},
  returns: v.object({ accounts: v.boolean(), mail: v.boolean() }),
  handler: async () => ({ accounts: hasAccounts(), mail: hasAccounts() && hasMail() }),
});

/** Sign in by e-mail and password. */
export const signIn = openAction({
  args: { email: v.string(), password: v.string() },
  returns: tokens,
  handler: async (ctx, { email, password }): Promise<Tokens> => {
    const key = await signingKey();
    const { retryAt, passwordHash } = await ctx.runMutation(internal.credentials.attempt, {
      email,
    });
    if (retryAt !== null) throw tooOften(retryAt);
    if (!isPassword(password, passwordHash) || passwordHash === null) throw badSignIn();
    const refresh = newRefresh();
    const person = await ctx.runMutation(internal.credentials.begin, {
      email,
      passwordHash,
      ...kept(refresh),
    });
    return await answer(key, person, refresh);
  },
});

/**
 * Ask for a code by mail. It is answered before anybody looks for an account that is to get one,
 * so that neither the answer nor its time tells of it.
 */
export const mailCode = openAction({
  args: { email: v.string() },
  returns: v.null(),
  handler: async (ctx, { email }): Promise<null> => {
    await signingKey();
    mailer();
    const retryAt = await ctx.runMutation(internal.credentials.askForMail, { email });
    if (retryAt !== null) throw tooOften(retryAt);
    return null;
  },
});

/**
 * Sign in by a code, from the administrator or a mail; with a password, set it. A code is too long
 * to be guessed: so it isn't counted by address, and lets in whom others' guesses keep out.
 */
export const redeem = openAction({
  args: { email: v.string(), code: v.string(), password: v.optional(v.string()) },
  returns: tokens,
  handler: async (ctx, { email, code, password }): Promise<Tokens> => {
    const key = await signingKey();
    if (password !== undefined) checkPassword(password);
    const retryAt = await ctx.runMutation(internal.credentials.attemptCode, {});
    if (retryAt !== null) throw tooOften(retryAt);
    const refresh = newRefresh();
    const person = await ctx.runMutation(internal.credentials.redeem, {
      email,
      codeHash: hashOf(code),
      ...(password === undefined ? {} : { passwordHash: hashPassword(password) }),
      ...kept(refresh),
    });
    return await answer(key, person, refresh);
  },
});

/** Trade a refresh token, which is good once, for the next one and a token. */
export const refresh = openAction({
  args: { refreshToken: v.string() },
  returns: tokens,
  handler: async (ctx, { refreshToken }): Promise<Tokens> => {
    const key = await signingKey();
    const last = readRefresh(refreshToken);
    const next = newRefresh(last.key);
    const person = await ctx.runMutation(internal.credentials.renew, {
      ...kept(last),
      nextHash: hashOf(next.secret),
    });
    return await answer(key, person, next);
  },
});

/** End a sign-in, or all of its account. */
export const signOut = openAction({
  args: { refreshToken: v.string(), everywhere: v.boolean() },
  returns: v.null(),
  handler: async (ctx, { refreshToken, everywhere }): Promise<null> => {
    const last = kept(readRefresh(refreshToken));
    return await ctx.runMutation(internal.credentials.end, { ...last, everywhere });
  },
});

function kept({ key, secret }: Refresh) {
  return { key, secretHash: hashOf(secret) };
}

async function answer(key: SigningKey, person: Person | null, refresh: Refresh): Promise<Tokens> {
  if (person === null) throw badSignIn();
  return { token: await signToken(key, person), refreshToken: refreshText(refresh) };
}

function checkPassword({ length }: string) {
  if (length < SHORTEST || length > LONGEST)
    throw refusal("Invalid", `A password has ${SHORTEST} to ${LONGEST} characters.`);
}

function badSignIn() {
  return refusal("BadSignIn", "This is not right, or it ran out.");
}

function tooOften(retryAt: number) {
  return refusal("RateLimited", "It was tried too often.", { retryAt });
}
