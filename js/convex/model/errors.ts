import { ConvexError } from "convex/values";

/** What the server refuses for good; any other error is a fault that passes. */
export type Code =
  | "Unauthenticated"
  | "NotFound"
  | "Forbidden"
  | "Invalid"
  | "VersionMismatch"
  | "TooLarge"
  | "Busy"
  | "Crossed"
  | "NoAccounts"
  | "NoMail"
  | "BadSignIn"
  | "RateLimited";

/** Make an error that reaches the client whole: a code for it, a message for a person. */
export function refusal(code: Code, message: string, more: Record<string, string | number> = {}) {
  return new ConvexError({ code, message, ...more });
}

/** The one answer for what isn't there, was deleted, or belongs to somebody else (S5). */
export function notFound(what = "session") {
  return refusal("NotFound", `There is no such ${what}.`);
}
