/** How often a person may try what could be guessed. */
import { defineRateLimits } from "convex-helpers/server/rateLimit";

const HOUR = 60 * 60_000;

export const { checkRateLimit, rateLimit } = defineRateLimits({
  linkStart: { kind: "token bucket", rate: 10, period: HOUR },
  linkRedeem: { kind: "token bucket", rate: 5, period: HOUR },
});
