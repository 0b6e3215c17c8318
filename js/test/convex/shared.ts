/** A session of Ada's to be shared, and what people do in it; each test begins with a new one. */
import { beforeEach, vi } from "vitest";
import { api } from "../../convex/_generated/api";
import { type Backend, begin, EVE, message, type Person, write } from "./backend";

export const NOW = 1_000_000;

export let backend: Backend;
export let ada: Person;
export let eve: Person;
export let session: string;

beforeEach(async () => {
  ({ backend, ada, session } = await begin({ now: NOW }));
  eve = backend.withIdentity(EVE);
});

/** Let time pass, so that what comes next is later. */
export const later = (ms = 10) => vi.advanceTimersByTime(ms);
export const redeem = (who: Person, code: string) => write(who, api.sharing.redeem, { code });
export const get = (who: Person) => who.query(api.sessions.get, { session });
export const tail = (who: Person) => who.query(api.messages.after, { session, after: 0 });
export const send = (who: Person, text = "hello", more: object = {}) =>
  write(who, api.messages.append, { session, messages: [message(text, more)] });
export const acquire = (who: Person, holder: string, takeOver = false) =>
  write(who, api.sessions.acquireLease, {
    session,
    holder,
    label: `server of ${holder}`,
    ttlMs: 60_000,
    takeOver,
  });
export const setRole = (member: string, role: "viewer" | "editor") =>
  write(ada, api.sharing.setRole, { session, member, role });
export const remove = (member: string) => write(ada, api.sharing.remove, { session, member });
export const changed = async (who: Person, after = 0) =>
  (await who.query(api.sessions.changed, { after })).sessions;
/** What whoever gives a code that opens nothing is told. */
export const BAD = { refused: "BadInvite" };
