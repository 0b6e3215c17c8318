/// <reference types="vite/client" />
/** A backend to test against, two people, and what they say. */

import type { FunctionArgs, FunctionReference, FunctionReturnType } from "convex/server";
import { ConvexError, type Value } from "convex/values";
import { convexTest, type TestConvex } from "convex-test";
import type { MessageInput, SessionInput } from "../../convex/model/values";
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

/** A new, empty backend that keeps Convex's limits on transactions. */
export function makeBackend(): Backend {
  return convexTest({ schema, modules, transactionLimits: true });
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
