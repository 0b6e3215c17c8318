/// <reference types="vite/client" />
/** A backend to test against, two people, and what they say. */

import type { FunctionArgs, FunctionReference, FunctionReturnType } from "convex/server";
import { ConvexError, type Value } from "convex/values";
import { convexTest, type TestConvex } from "convex-test";
import { afterEach, vi } from "vitest";
import { api } from "../../convex/_generated/api";
import type { Id } from "../../convex/_generated/dataModel";
import type { ApprovalInput, MessageInput, SessionInput } from "../../convex/model/values";
import schema from "../../convex/schema";
import { API_VERSION } from "../../convex/version";

export const modules = import.meta.glob([
  "../../convex/**/*.ts",
  "../../convex/_generated/*.js",
  "!**/*.d.ts",
]);

export type Backend = TestConvex<typeof schema>;
export type Person = ReturnType<Backend["withIdentity"]>;

export const ADA = { issuer: "https://issuer.test", subject: "ada", name: "Ada" };
export const EVE = { issuer: "https://issuer.test", subject: "eve", name: "Eve" };

// Whichever test set a clock, the next one has the real one.
afterEach(() => {
  vi.useRealTimers();
});

/** The functions' source texts. */
export const sources = import.meta.glob<string>(["../../convex/**/*.ts", "!**/_generated/**"], {
  query: "?raw",
  import: "default",
  eager: true,
});

/** A new, empty backend that keeps Convex's limits on transactions, or narrower ones. */
export function makeBackend(limits: { documentsRead?: number } = {}): Backend {
  return convexTest({ schema, modules, transactionLimits: limits });
}

/** Begin with a new backend in which Ada has a session; with `now` at that time. */
export async function begin({ now, ...limits }: { now?: number; documentsRead?: number } = {}) {
  if (now !== undefined) vi.useFakeTimers({ now });
  const backend = makeBackend(limits);
  const ada = backend.withIdentity(ADA);
  const { clientId: session } = await write(ada, api.sessions.create, { session: info() });
  return { backend, ada, session };
}

interface Syscalls {
  syscall: (op: string, args: string) => string;
  asyncSyscall: (op: string, args: string) => Promise<string>;
  jsSyscall: (op: string, args: object) => Promise<unknown>;
}

const WRITES = ["1.0/insert", "1.0/shallowMerge", "1.0/replace", "1.0/remove"];

/** Run a call, and return the tables that it read from and those that it wrote to. */
export async function traced(call: () => Promise<unknown>) {
  const scope = globalThis as unknown as { Convex: Syscalls };
  const inner = scope.Convex;
  const [read, written] = [new Set<string>(), new Set<string>()];
  const note = (op: string, json: string) => {
    const { table, query } = JSON.parse(json) as { table?: string; query?: Query };
    const from = query?.source.tableName ?? query?.source.indexName?.split(".")[0] ?? table;
    if (from === undefined) return;
    (WRITES.includes(op) ? written : read).add(from);
  };
  scope.Convex = {
    jsSyscall: async (op, args) => await inner.jsSyscall(op, args),
    syscall: (op, json) => {
      note(op, json);
      return inner.syscall(op, json);
    },
    asyncSyscall: async (op, json) => {
      note(op, json);
      return await inner.asyncSyscall(op, json);
    },
  };
  try {
    await call();
  } finally {
    scope.Convex = inner;
  }
  return { read: [...read].sort(), written: [...written].sort() };
}

interface Query {
  source: { tableName?: string; indexName?: string };
}

type Mutation = FunctionReference<"mutation", "public">;
type Args<Name extends Mutation> = Omit<FunctionArgs<Name>, "api">;

/** Call a mutation as our client does, with its version. */
export async function write<Name extends Mutation>(
  person: Person | Backend,
  name: Name,
  args: Args<Name>,
): Promise<FunctionReturnType<Name>> {
  const whole = { ...args, api: API_VERSION } as FunctionArgs<Name>;
  return await person.mutation(name, ...([whole] as never));
}

let made = 0;
/** A new id that sorts behind the ones before, as a UUIDv7 does. */
export function newId(): string {
  made += 1;
  return `0193-${made.toString().padStart(8, "0")}`;
}

export function info(more: Partial<SessionInput> = {}): SessionInput {
  return {
    clientId: newId(),
    name: "analysis",
    cwd: "/home/ada/project",
    phase: { type: "idle" },
    isClaudeBusy: false,
    createdAt: 1_000,
    lastActivityAt: 1_000,
    ...more,
  };
}

export function message(text = "hello", more: Partial<MessageInput> = {}): MessageInput {
  return {
    clientId: newId(),
    type: "assistant",
    content: [{ type: "text", json: JSON.stringify({ type: "text", text }) }],
    timestamp: 2_000,
    turnId: "turn",
    ...more,
  };
}

export function approval(more: Partial<ApprovalInput> = {}): ApprovalInput {
  return {
    clientId: newId(),
    turnId: "turn",
    status: "pending",
    content: [{ type: "approval", json: "{}" }],
    ...more,
  };
}

export function bytes(size: number): ArrayBuffer {
  return new Uint8Array(size).fill(7).buffer;
}

/** Await a refusal and return what it says; fail if there is none, or a fault instead. */
export async function refused(call: Promise<unknown>): Promise<Record<string, Value>> {
  try {
    await call;
  } catch (error) {
    if (error instanceof ConvexError) return error.data as Record<string, Value>;
    throw error;
  }
  throw new Error("It was not refused.");
}

/** Do what was put off until later, and what that puts off. */
export async function finishJobs(backend: Backend) {
  await backend.finishAllScheduledFunctions(vi.runAllTimers);
}

/** Post a file, as a client does to an upload URL. */
export async function upload(backend: Backend, data: ArrayBuffer): Promise<Id<"_storage">> {
  return await backend.run(async (ctx) => await ctx.storage.store(new Blob([data])));
}

export async function sha256Of(data: ArrayBuffer): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Hash a code, as a client does. */
export async function hashOf(code: string): Promise<string> {
  return await sha256Of(new TextEncoder().encode(code).buffer);
}
