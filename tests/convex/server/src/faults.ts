// Faults on request. Each is used up by the calls that it hits.

export type FaultKind =
  /** Do the work, then end the connection instead of answering. */
  | "lose_reply"
  /** End the connection before doing the work. */
  | "drop_before"
  /** Conflict at commit; the server retries four times by itself, then says so. */
  | "conflict"
  /** Wait `ms` before doing the work. */
  | "slow"
  /** Answer 500 by HTTP; end a WebSocket with 1011. */
  | "internal"
  /** Let the function fail as by a bug in it. */
  | "error";

export interface Fault {
  kind: FaultKind;
  /** Only calls of this function, "module:name"; all calls without it. */
  path?: string;
  /** How many calls are hit; 1 without it. */
  times?: number;
  /** Only the nth call from now on; the first without it. */
  after?: number;
  ms?: number;
}

export const RETRIES = 4;

export class Faults {
  private waiting: Required<Fault>[] = [];
  private readonly revoked = new Set<string>();
  /** How many faults of each kind have hit. */
  hits: Record<string, number> = {};

  add(fault: Fault): void {
    this.waiting.push({ path: "", times: 1, after: 0, ms: 0, ...fault });
  }

  clear(): void {
    this.waiting = [];
    this.revoked.clear();
    this.hits = {};
  }

  /** Return the fault that hits this call, used up by one, or null. */
  take(kind: FaultKind, path: string): Required<Fault> | null {
    for (const fault of this.waiting) {
      if (fault.kind !== kind || (fault.path && fault.path !== path)) continue;
      if (fault.after > 0) {
        fault.after -= 1;
        continue;
      }
      fault.times -= 1;
      this.waiting = this.waiting.filter(({ times }) => times > 0);
      this.hits[kind] = (this.hits[kind] ?? 0) + 1;
      return fault;
    }
    return null;
  }

  /** Refuse a token, or all tokens of a subject, from now on. */
  revoke(tokenOrSubject: string): void {
    this.revoked.add(tokenOrSubject);
  }

  isRevoked(token: string, subject: string): boolean {
    return this.revoked.has(token) || this.revoked.has(subject);
  }
}
