// The WebSocket sync protocol (npm convex: src/browser/sync/protocol.ts), one client's side of it.
import { createHash } from "node:crypto";
import type { WebSocket } from "ws";
import { AuthFailure, type Credentials, type Identity, isExpired, type User } from "./auth.ts";
import type { Deployment, LiveQuery, Outcome } from "./deployment.ts";
import { canonical } from "./deployment.ts";
import type { Journal } from "./run.ts";
import { decode, decodeU64, encode, encodeU64, type Json, type Wire } from "./wire.ts";

const PING_MS = 15_000;
const CHUNK = 5_000_000;

interface AddQuery {
  type: "Add";
  queryId: number;
  udfPath: string;
  args: Json[];
  journal?: string | null;
}

type Modification = AddQuery | { type: "Remove"; queryId: number };

type Call = { requestId: number; udfPath: string; args: Json[] };

type ClientMessage =
  | { type: "Connect"; sessionId: string; maxObservedTimestamp?: string }
  | {
      type: "ModifyQuerySet";
      baseVersion: number;
      newVersion: number;
      modifications: Modification[];
    }
  | {
      type: "Authenticate";
      baseVersion: number;
      tokenType: "User" | "Admin" | "None";
      value?: string;
      impersonating?: Partial<User>;
    }
  | ({ type: "Mutation" } & Call)
  | ({ type: "Action" } & Call)
  | { type: "Event" };

interface Watched {
  path: string;
  args: Json;
  journal: Journal | null;
  live: LiveQuery | null;
  /** Of what the client was told last. */
  digest: string;
}

interface Version {
  querySet: number;
  identity: number;
  ts: bigint;
}

/** What the client and the server disagree about; the connection ends. */
class ProtocolError extends Error {}

export interface SyncOptions {
  client: string;
  /** Split transitions into parts for all clients, not only for npm's. */
  chunkBytes: number | null;
}

export class SyncSocket {
  private readonly deployment: Deployment;
  private readonly socket: WebSocket;
  private readonly options: SyncOptions;
  private readonly queries = new Map<number, Watched>();
  private readonly ping: NodeJS.Timeout;
  private sent: Version = { querySet: 0, identity: 0, ts: 0n };
  /** Clients show a mutation as done at the next transition, even where it brings nothing else. */
  private owesTransition = false;
  private received = { querySet: 0, identity: 0 };
  private identity: Identity = { kind: "none" };
  private sessionId = "";
  private pending: Modification[] = [];
  private inbox: Promise<void> = Promise.resolve();
  private mutations: Promise<void> = Promise.resolve();
  private isScheduled = false;
  private isUpdating = false;
  private isClosed = false;
  private readonly changed = (): void => this.schedule();

  constructor(deployment: Deployment, socket: WebSocket, options: SyncOptions) {
    this.deployment = deployment;
    this.socket = socket;
    this.options = options;
    deployment.stats.totals.socketsOpened += 1;
    deployment.onPush.add(this.changed);
    this.ping = setInterval(() => this.send({ type: "Ping" }), PING_MS);
    socket.on("message", (data: Buffer) => {
      deployment.stats.totals.socketBytesIn += data.length;
      this.inbox = this.inbox.then(() => this.receive(data.toString())).catch((e) => this.fail(e));
    });
    socket.on("close", () => this.forget());
    socket.on("error", () => this.forget());
  }

  private forget(): void {
    this.isClosed = true;
    clearInterval(this.ping);
    this.deployment.onPush.delete(this.changed);
    for (const query of this.queries.values()) query.live?.watchers.delete(this.changed);
  }

  // ---- out --------------------------------------------------------------------------------

  private send(message: { type: string; [key: string]: Wire }): void {
    if (this.isClosed) return;
    const text = encode(message);
    this.deployment.stats.totals.socketBytesOut += Buffer.byteLength(text);
    const size = this.options.chunkBytes ?? (this.options.client.startsWith("npm") ? CHUNK : 0);
    if (message.type === "Transition" && size > 0 && text.length > size) this.sendParts(text, size);
    else this.socket.send(text);
  }

  private sendParts(text: string, size: number): void {
    const totalParts = Math.ceil(text.length / size);
    const transitionId = createHash("sha1").update(text).digest("hex").slice(0, 16);
    for (let partNumber = 0; partNumber < totalParts; partNumber++) {
      const chunk = text.slice(partNumber * size, (partNumber + 1) * size);
      this.socket.send(
        JSON.stringify({ type: "TransitionChunk", chunk, partNumber, totalParts, transitionId }),
      );
    }
  }

  private fail(error: unknown, authUpdateAttempted = false): void {
    if (this.isClosed) return;
    const message = error instanceof Error ? error.message : String(error);
    if (error instanceof AuthFailure)
      this.send({
        type: "AuthError",
        error: `${error.code}: ${message}`,
        baseVersion: this.received.identity,
        authUpdateAttempted,
      });
    else this.send({ type: "FatalError", error: message });
    this.socket.close(1008, message.slice(0, 100));
    this.isClosed = true;
  }

  /** End the connection without a word, as a failing network or server does. */
  terminate(): void {
    this.isClosed = true;
    this.socket.terminate();
  }

  private crash(): void {
    this.socket.close(1011, "InternalServerError");
    this.isClosed = true;
  }

  // ---- in ---------------------------------------------------------------------------------

  private async receive(text: string): Promise<void> {
    if (this.isClosed) return;
    let message: ClientMessage;
    try {
      message = decode(text) as ClientMessage;
    } catch (error) {
      throw new ProtocolError(`Received Invalid JSON on websocket: ${error}`);
    }
    switch (message.type) {
      case "Connect":
        return this.connect(message.sessionId, message.maxObservedTimestamp);
      case "Authenticate":
        return await this.authenticate(message);
      case "ModifyQuerySet":
        return this.modify(message.baseVersion, message.newVersion, message.modifications);
      case "Mutation":
        this.mutations = this.mutations.then(() => this.mutate(message)).catch((e) => this.fail(e));
        return;
      case "Action":
        void this.act(message).catch((error) => this.fail(error));
        return;
      case "Event":
        return;
      default:
        throw new ProtocolError(`unknown message ${text.slice(0, 80)}`);
    }
  }

  private connect(sessionId: string, observed: string | undefined): void {
    this.sessionId = sessionId;
    // A client that has seen the future belongs to another deployment, or to one restored since.
    if (observed && decodeU64(observed) > this.deployment.lastTs) this.crash();
  }

  private async authenticate(
    message: Extract<ClientMessage, { type: "Authenticate" }>,
  ): Promise<void> {
    this.expect("identity", message.baseVersion, this.received.identity);
    try {
      this.identity = await this.deployment.auth.identify(credentialsOf(message));
    } catch (error) {
      return this.fail(error, true);
    }
    this.received.identity += 1;
    for (const query of this.queries.values()) this.drop(query);
    this.schedule();
  }

  private modify(base: number, version: number, modifications: Modification[]): void {
    this.expect("query set", base, this.received.querySet);
    this.received.querySet = version;
    this.pending.push(...modifications);
    this.schedule();
  }

  private expect(what: string, given: number, current: number): void {
    if (given !== current)
      throw new ProtocolError(
        `BaseVersionMismatch: ${what} base version ${given} passed up doesn't match the current version ${current}`,
      );
  }

  private checkToken(): void {
    const { identity } = this;
    if (isExpired(identity)) throw new AuthFailure("TokenExpired", "Convex token identity expired");
    if (
      identity.kind === "user" &&
      this.deployment.faults.isRevoked(identity.token, identity.user.subject)
    )
      throw new AuthFailure("TokenExpired", "Convex token identity expired");
  }

  // ---- calls ------------------------------------------------------------------------------

  /** Run a call between the faults that were asked for; return null if it has no answer. */
  private async answer(message: Call, work: () => Promise<Outcome>): Promise<Outcome | null> {
    if (this.isClosed) return null;
    this.checkToken();
    const { faults } = this.deployment;
    const { path } = canonical(message.udfPath);
    if (faults.take("internal", path)) this.crash();
    else if (faults.take("drop_before", path)) this.terminate();
    else {
      const outcome = await work();
      if (!faults.take("lose_reply", path)) return outcome;
      this.terminate();
    }
    return null;
  }

  private async mutate(message: Call): Promise<void> {
    const { identity, deployment } = this;
    const args = message.args[0] ?? {};
    const outcome = await this.answer(message, () =>
      deployment.once(`${this.sessionId}/${message.requestId}`, () =>
        deployment.call("mutation", message.udfPath, args, identity),
      ),
    );
    if (outcome === null) return;
    const ts = outcome.ok ? encodeU64(outcome.run.commitTs ?? deployment.lastTs) : undefined;
    this.send({ type: "MutationResponse", requestId: message.requestId, ...reply(outcome), ts });
    this.owesTransition = true;
    this.schedule();
  }

  private async act(message: Call): Promise<void> {
    const { identity, deployment } = this;
    const args = message.args[0] ?? {};
    const outcome = await this.answer(message, () =>
      deployment.call("action", message.udfPath, args, identity),
    );
    if (outcome === null) return;
    this.send({ type: "ActionResponse", requestId: message.requestId, ...reply(outcome) });
    this.schedule();
  }

  // ---- queries ----------------------------------------------------------------------------

  private schedule(): void {
    this.isScheduled = true;
    if (!this.isUpdating) void this.update().catch((error) => this.fail(error));
  }

  private async update(): Promise<void> {
    this.isUpdating = true;
    try {
      while (this.isScheduled && !this.isClosed) {
        this.isScheduled = false;
        this.checkToken();
        await this.deployment.atOneMoment(async () => {
          if (this.hasNews()) await this.transition();
        });
      }
    } finally {
      this.isUpdating = false;
    }
  }

  private hasNews(): boolean {
    const { sent, received } = this;
    if (sent.querySet !== received.querySet || sent.identity !== received.identity) return true;
    return this.owesTransition || [...this.queries.values()].some(({ live }) => !live?.isValid);
  }

  private async transition(): Promise<void> {
    const start = this.sent;
    const received = { ...this.received };
    const modifications: Wire[] = [];
    for (const change of this.pending.splice(0)) {
      if (change.type === "Add") this.add(change);
      else if (this.remove(change.queryId))
        modifications.push({ type: "QueryRemoved", queryId: change.queryId });
    }
    for (const [queryId, query] of this.queries) {
      const news = await this.news(queryId, query);
      if (news !== null) modifications.push(news);
    }
    const { lastTs, stats } = this.deployment;
    this.sent = { ...received, ts: lastTs > start.ts ? lastTs : start.ts };
    stats.totals.transitions += 1;
    this.owesTransition = false;
    const wire = (version: Version) => ({ ...version, ts: encodeU64(version.ts) });
    this.send({
      type: "Transition",
      startVersion: wire(start),
      endVersion: wire(this.sent),
      modifications,
    });
  }

  private add({ queryId, udfPath, args, journal }: AddQuery): void {
    this.queries.set(queryId, {
      path: udfPath,
      args: args[0] ?? {},
      journal: journal ? (JSON.parse(journal) as Journal) : null,
      live: null,
      digest: "",
    });
  }

  private remove(queryId: number): boolean {
    const query = this.queries.get(queryId);
    if (query) this.drop(query);
    return this.queries.delete(queryId);
  }

  private drop(query: Watched): void {
    query.live?.watchers.delete(this.changed);
    query.live = null;
  }

  /** Return what the client must be told of a query, or null. */
  private async news(queryId: number, query: Watched): Promise<Wire | null> {
    if (query.live?.isValid) return null;
    this.drop(query);
    const { path, args, identity } = { ...query, identity: this.identity };
    const live = await this.deployment.query(path, args, identity, query.journal);
    query.live = live;
    live.watchers.add(this.changed);
    const { outcome, run } = live;
    query.journal = run.newJournal;
    const journal = run.newJournal ? JSON.stringify(run.newJournal) : null;
    const digest = createHash("sha1")
      .update(`${encode(told(outcome))}${run.logs.join()}`)
      .digest("hex");
    if (digest === query.digest) return null;
    query.digest = digest;
    const common = { queryId, logLines: run.logs, journal };
    if (outcome.ok) return { type: "QueryUpdated", value: outcome.value, ...common };
    return { type: "QueryFailed", errorMessage: outcome.error, errorData: outcome.data, ...common };
  }
}

function credentialsOf(message: Extract<ClientMessage, { type: "Authenticate" }>): Credentials {
  const { tokenType: type, value = "", impersonating } = message;
  if (type === "None") return { type };
  return type === "User" ? { type, value } : { type, value, actingAs: impersonating };
}

function reply(outcome: Outcome): Record<string, Wire> {
  const logLines = outcome.run.logs;
  if (outcome.ok) return { success: true, result: outcome.value, logLines };
  return { success: false, result: outcome.error, logLines, errorData: outcome.data };
}

/** Return what makes a result another one; a request's id doesn't. */
function told(outcome: Outcome): Wire {
  if (outcome.ok) return outcome.value;
  return [outcome.error.replace(/^\[Request ID: \w+\] /, ""), outcome.data];
}
