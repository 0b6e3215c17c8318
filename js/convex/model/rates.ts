/** How often a person may try what could be guessed. */
import { defineRateLimits } from "convex-helpers/server/rateLimit";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

export const { checkRateLimit, rateLimit, resetRateLimit } = defineRateLimits({
  linkStart: { kind: "token bucket", rate: 10, period: HOUR },
  linkRedeem: { kind: "token bucket", rate: 5, period: HOUR },
  // Passwords, by address, known or not. Whom others' guesses keep out comes in by a code.
  signIn: { kind: "token bucket", rate: 10, period: 15 * MINUTE },
  // Passwords and codes, by all together: what a flood may cost the deployment.
  signIns: { kind: "token bucket", rate: 240, period: MINUTE },
  // By address, known or not; so that nobody's letter box is filled by others.
  mail: { kind: "token bucket", rate: 5, period: HOUR },
  // By all together: what mails may cost whoever pays for them.
  mails: { kind: "token bucket", rate: 120, period: HOUR },
  /** Wrong codes of invitations. */
  shareRedeem: { kind: "token bucket", rate: 10, period: HOUR },
});
