// One deployment: the functions that were pushed, run by convex-test, and the queries that clients
// watch.
import { AsyncLocalStorage } from "node:async_hooks";
import { randomBytes } from "node:crypto";
import type { UserIdentity } from "convex/server";
import { makeFunctionReference } from "convex/server";
import { type Value as ConvexValue, convexToJson, jsonToConvex } from "convex/values";
import type { TestConvexForDataModel } from "convex-test";
import { Authenticator, type Identity, type Provider, type User } from "./auth.ts";
import { gate, inherit, install, newestDatabase, uploading } from "./database.ts";
import { Faults, RETRIES } from "./faults.ts";
import type { Change } from "./indexes.ts";
import { type Database, internals } from "./internals.ts";
import { checkCarried, MAX_ARGUMENTS, MAX_RESULT } from "./limits.ts";
import { type ConvexFunction, evaluate, isFunction, kindOf, type Push } from "./push.ts";
import { type Journal, Run, runs } from "./run.ts";
import { Stats } from "./stats.ts";
import { type Json, Value } from "./wire.ts";

export type Kind = "query" | "mutation" | "action" | "any";

export type Outcome = { run: Run } & (
  | { ok: true; value: Value }
  | { ok: false; error: string; data?: Value | undefined }
);

type Accessor = TestConvexForDataModel<never>;

class Conflict extends Error {}

/** The context before any function: what a commit sets off must not look like a part of it. */
const outside = AsyncLocalStorage.snapshot();

/** A query's result, shared by all who ask the same as the same user, until something touches it. */
export class LiveQuery {
  readonly watchers = new Set<() => void>();
  readonly made = Date.now();
  readonly run: Run;
  isValid = true;
  outcome: Outcome;
  constructor(run: Run, known?: { ok: true; value: Value }) {
    this.run = run;
    this.outcome = { ...(known ?? { ok: false, error: "not run yet" }), run };
  }
}

/** Milliseconds for which a result serves those who ask anew: it may depend on the time. */
const CACHE_AGE = 5000;

export function canonical(udfPath: string): { module: string; name: string; path: string } {
  const [file = "", name = "default"] = udfPath.split(":");
  const module = file.replace(/\.js$/, "");
  return { module, name, path: name === "default" ? module : `${module}:${name}` };
}

export class Deployment {
  readonly stats = new Stats();
  readonly faults = new Faults();
  readonly auth: Authenticator;
  readonly env: Record<string, string> = {};
  readonly settled = new Map<string, Promise<Outcome>>();
  lastTs = BigInt(Date.now()) * 1_000_000n;
  push: Push | null = null;
  /** Tell clients no more of an error than production does. */
  isRedacting = false;
  /** Answers the CLI's own queries; null where it is none of them. */
  system: (path: string, args: Json) => Value | null = () => null;
  /** Called when all that is watched must be looked at anew. */
  readonly onPush = new Set<() => void>();
  private test: Accessor | null = null;
  private database: Database | null = null;
  private readonly cache = new Map<string, Promise<LiveQuery>>();
  private readonly live = new Set<LiveQuery>();

  constructor(adminKey: string) {
    this.auth = new Authenticator(adminKey, (token, subject) =>
      this.faults.isRevoked(token, subject),
    );
    install({
      beforeCommit: () => {
        const path = runs.getStore()?.path;
        if (path !== undefined && this.faults.take("conflict", path)) throw new Conflict(path);
      },
      committed: (changes, ts) => outside(() => this.committed(changes, ts)),
    });
  }

  // ---- pushes -----------------------------------------------------------------------------

  /** Say why the documents don't suit a push's schema, or null if they do. */
  misfit(push: Push): string | null {
    const { database } = this.prepare(push);
    try {
      if (this.database !== null) inherit(this.database, database);
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** Put a push into force; documents stay. */
  install(push: Push): void {
    const { test, database } = this.prepare(push);
    if (this.database !== null) inherit(this.database, database);
    this.test = test;
    this.database = database;
    this.push = push;
    this.auth.providers = push.providers;
    this.forgetQueries();
  }

  private prepare(push: Push): { test: Accessor; database: Database } {
    const modules: Record<string, () => Promise<unknown>> = {
      "./_generated/api.js": async () => ({}),
    };
    for (const [name, module] of push.modules) modules[`./${name}`] = async () => module;
    const test = internals.convexTest({
      ...(push.schema ? { schema: push.schema as never } : {}),
      modules,
      transactionLimits: true,
    });
    return { test: test as unknown as Accessor, database: newestDatabase() };
  }

  private forgetQueries(): void {
    for (const query of this.live) query.isValid = false;
    this.live.clear();
    this.cache.clear();
    for (const changed of this.onPush) changed();
  }

  /** Set or unset environment variables; providers that read them are read again. */
  async setEnvironment(changes: readonly { name: string; value?: string | null }[]): Promise<void> {
    for (const { name, value } of changes) {
      if (value === undefined || value === null) {
        delete this.env[name];
        delete process.env[name];
      } else {
        this.env[name] = value;
        process.env[name] = value;
      }
    }
    if (this.push === null) return;
    const { providers } = await evaluate(this.push.bundles, null);
    this.push = { ...this.push, providers };
    this.auth.providers = providers;
    this.forgetQueries();
  }

  get providers(): readonly Provider[] {
    return this.auth.providers;
  }

  // ---- calls ------------------------------------------------------------------------------

  private find(
    udfPath: string,
    kind: Kind,
    isAdmin: boolean,
  ): { path: string; kind: "query" | "mutation" | "action" } {
    const { module, name, path } = canonical(udfPath);
    const found = this.push?.modules.get(`${module}.js`)?.[name];
    if (!isFunction(found) || (found.isInternal && !isAdmin)) {
      const what = isAdmin ? "function" : "public function";
      throw new Error(
        `Could not find ${what} for '${path}'. Did you forget to run \`npx convex dev\` or \`npx convex deploy\`?`,
      );
    }
    const is = kindOf(found satisfies ConvexFunction);
    if (kind !== "any" && is !== kind)
      throw new Error(`Trying to execute ${path} as ${kind}, but it is defined as ${is}.`);
    return { path, kind: is };
  }

  /** Say which kind of function this is, for a caller who doesn't know. */
  kindFor(udfPath: string, identity: Identity): "query" | "mutation" | "action" {
    return this.find(udfPath, "any", identity.kind === "admin").kind;
  }

  /** Run a mutation or an action; a conflict is tried again as Convex does. */
  async call(kind: Kind, udfPath: string, args: Json, identity: Identity): Promise<Outcome> {
    const { path } = canonical(udfPath);
    this.stats.of(path).calls += 1;
    for (let attempt = 0; ; attempt++) {
      const outcome = await this.run(kind, udfPath, args, identity, new Run(path));
      if (!outcome.run.conflicted || attempt === RETRIES) return outcome;
    }
  }

  /** Do something once for each request of a session, however often it is sent. */
  async once(key: string, work: () => Promise<Outcome>): Promise<Outcome> {
    const known = this.settled.get(key);
    if (known !== undefined) return await known;
    const begun = work();
    this.settled.set(key, begun);
    const outcome = await begun;
    // As in Convex, only a success is remembered: it is written in the same transaction.
    if (!outcome.ok) this.settled.delete(key);
    return outcome;
  }

  private async run(
    kind: Kind,
    udfPath: string,
    args: Json,
    identity: Identity,
    run: Run,
  ): Promise<Outcome> {
    const slow = this.faults.take("slow", run.path);
    if (slow) await new Promise((resolve) => setTimeout(resolve, slow.ms));
    try {
      const value = await runs.run(run, () => this.execute(kind, udfPath, args, identity));
      this.stats.ran(run, false);
      return { ok: true, value, run };
    } catch (error) {
      run.conflicted = error instanceof Conflict;
      if (run.conflicted) this.stats.of(run.path).conflicts += 1;
      this.stats.ran(run, true);
      return { ok: false, ...describe(error, this.isRedacting), run };
    }
  }

  private async execute(
    kind: Kind,
    udfPath: string,
    args: Json,
    identity: Identity,
  ): Promise<Value> {
    const found = this.find(udfPath, kind, identity.kind === "admin");
    const stats = this.stats.of(found.path);
    stats.argumentBytes += JSON.stringify(args).length;
    if (this.faults.take("error", found.path)) throw new Error("injected: the function failed");
    const values = jsonToConvex(args);
    checkCarried(`Arguments for ${found.path} are`, values, MAX_ARGUMENTS);
    if (this.test === null) throw new Error("nothing has been pushed");
    const caller = identity.user
      ? this.test.withIdentity(identity.user as Partial<UserIdentity>)
      : this.test;
    const reference = makeFunctionReference<never>(found.path);
    const call = caller[found.kind] as (
      reference: unknown,
      args: unknown,
    ) => Promise<ConvexValue | undefined>;
    const result = (await call(reference, values)) ?? null;
    checkCarried("Return value is", result, MAX_RESULT);
    const json = convexToJson(result);
    stats.resultBytes += JSON.stringify(json).length;
    return new Value(json);
  }

  // ---- queries ----------------------------------------------------------------------------

  /** Return a query's result, from the cache if nothing has touched it since. */
  async query(
    udfPath: string,
    args: Json,
    identity: Identity,
    journal: Journal | null = null,
  ): Promise<LiveQuery> {
    const { path } = canonical(udfPath);
    this.stats.of(path).calls += 1;
    const isAdmin = identity.kind === "admin";
    const own = isAdmin ? this.system(path, args) : null;
    if (own !== null) return new LiveQuery(new Run(path), { ok: true, value: own });
    const key = JSON.stringify([path, args, isAdmin, identity.user ?? null, journal]);
    const cached = await this.cache.get(key);
    if (cached?.isValid && (cached.watchers.size > 0 || Date.now() - cached.made < CACHE_AGE))
      return cached;
    const query = new LiveQuery(new Run(path, journal));
    // Live before it runs: no commit may come between its reads and its being watched.
    this.live.add(query);
    const made = this.run("query", udfPath, args, identity, query.run).then((outcome) => {
      query.outcome = outcome;
      return query;
    });
    this.cache.set(key, made);
    return await made;
  }

  private committed(changes: readonly Change[], ts: bigint): void {
    this.stats.totals.transactions += 1;
    if (ts > this.lastTs) this.lastTs = ts;
    for (const query of this.live) {
      const isStale = query.watchers.size === 0 && Date.now() - query.made > CACHE_AGE;
      const isTouched = changes.some((change) => query.run.isTouchedBy(change));
      if (!isStale && !isTouched) continue;
      query.isValid = false;
      this.live.delete(query);
      for (const notify of [...query.watchers]) notify();
    }
    if (this.cache.size > 10_000) this.cache.clear();
  }

  /** Run something that needs all its queries answered as of one moment. */
  async atOneMoment<T>(work: () => Promise<T>): Promise<T> {
    return await gate.hold(work);
  }

  // ---- storage ----------------------------------------------------------------------------

  async store(blob: Blob): Promise<string> {
    const { test } = this;
    if (test === null) throw new Error("nothing has been pushed");
    return await uploading.run(blob.type, () =>
      test.run(async (ctx) => await ctx.storage.store(blob)),
    );
  }

  /** Return a stored file, or null. */
  file(storageId: string): Blob | null {
    return this.database?.getFile(storageId) ?? null;
  }

  tables(): string[] {
    const ids = Object.keys(this.database?._documents ?? {});
    const used = ids.map((id) => internals.tableNameFromId(id) ?? "");
    return [...new Set([...Object.keys(this.push?.schema?.tables ?? {}), ...used])];
  }

  documents(table: string): Json[] {
    const found: Json[] = [];
    this.database?._iterateDocs(table, (document) => {
      found.push(convexToJson(document as ConvexValue));
    });
    return found;
  }
}

function describe(
  error: unknown,
  isRedacting: boolean,
): { error: string; data?: Value | undefined } {
  const id = randomBytes(8).toString("hex");
  const intro = `[Request ID: ${id}] Server Error`;
  if (error instanceof Conflict)
    return {
      error: `${intro}\nDocuments read from or written to a table changed while this mutation was being run and on every subsequent retry. Another call to this mutation changed the same documents. See https://docs.convex.dev/error#1`,
    };
  if (typeof error === "object" && error !== null && Symbol.for("ConvexError") in error) {
    const json = convexToJson((error as unknown as { data: ConvexValue }).data);
    const text = typeof json === "string" ? json : JSON.stringify(json);
    return { error: `${intro}\nUncaught ConvexError: ${text}\n`, data: new Value(json) };
  }
  if (isRedacting) return { error: intro };
  const { name, message } =
    error instanceof Error ? error : { name: "Error", message: String(error) };
  return { error: `${intro}\nUncaught ${name}: ${message}\n` };
}

export type { User };
