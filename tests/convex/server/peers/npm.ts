// Run the scenario with the official client of npm, and print what it got.
import { readFileSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { ConvexClient } from "convex/browser";
import { type FunctionReference, makeFunctionReference } from "convex/server";
import { ConvexError, convexToJson, type JSONValue, jsonToConvex, type Value } from "convex/values";

interface Step {
  do: "connect" | "query" | "mutation" | "subscribe" | "unsubscribe" | "update" | "fault";
  as?: string | null;
  name?: string;
  path?: string;
  args?: JSONValue;
  fault?: Record<string, unknown>;
  expect?: { value?: JSONValue; length?: number };
}

interface Given {
  url: string;
  control: string;
  tokens: Record<string, string[]>;
  scenario: string;
}

interface Watched {
  value: Value | undefined;
  changed: (() => void) | null;
  stop: () => void;
}

type Got = Record<string, unknown> | null;

const given = JSON.parse(readFileSync(0, "utf8")) as Given;
const watched = new Map<string, Watched>();
const clients: ConvexClient[] = [];
let tokens: string[] = [];

function connected(): ConvexClient {
  const client = clients.at(-1);
  if (client === undefined) throw new Error("the scenario must connect first");
  return client;
}

function reference<Kind extends "query" | "mutation">(step: Step): FunctionReference<Kind> {
  return makeFunctionReference(step.path ?? "") as unknown as FunctionReference<Kind>;
}

function argsOf(step: Step): Record<string, Value> {
  return jsonToConvex(step.args ?? {}) as Record<string, Value>;
}

async function call(result: Promise<Value>): Promise<Got> {
  try {
    return { value: convexToJson((await result) ?? null) };
  } catch (error) {
    if (error instanceof ConvexError) return { error: convexToJson(error.data) };
    return { fault: true };
  }
}

const steps: Record<Step["do"], (step: Step) => Promise<Got>> = {
  connect: async ({ as }) => {
    await clients.pop()?.close();
    const client = new ConvexClient(given.url);
    clients.push(client);
    tokens = [...(as ? (given.tokens[as] ?? []) : [])];
    if (as)
      client.setAuth(async ({ forceRefreshToken }) => {
        // The client forces a refresh at once after the first token, to learn how long they last.
        if (forceRefreshToken && isRefused(tokens[0])) tokens.shift();
        return tokens[0] ?? null;
      });
    return null;
  },
  fault: async ({ fault }) => {
    const token = fault?.token === "$token" ? tokens[0] : undefined;
    if (token !== undefined) refused.add(token);
    const body = JSON.stringify(token === undefined ? fault : { ...fault, token });
    await fetch(`${given.control}/__fault`, { method: "POST", body });
    return null;
  },
  query: (step) => call(connected().query(reference<"query">(step), argsOf(step))),
  mutation: (step) => call(connected().mutation(reference<"mutation">(step), argsOf(step))),
  subscribe: async (step) => {
    const one: Watched = { value: undefined, changed: null, stop: () => {} };
    one.stop = connected().onUpdate(reference<"query">(step), argsOf(step), (value: Value) => {
      one.value = value;
      one.changed?.();
    });
    watched.set(step.name ?? "", one);
    return null;
  },
  unsubscribe: async ({ name = "" }) => {
    watched.get(name)?.stop();
    watched.delete(name);
    return null;
  },
  update: async ({ name = "", expect }) => {
    const one = watched.get(name);
    if (one === undefined) throw new Error(`nothing is subscribed as ${name}`);
    for (;;) {
      const { value } = one;
      if (typeof value === "string" && expect?.length !== undefined)
        return { length: value.length };
      const got = { value: value === undefined ? undefined : convexToJson(value) };
      if (isDeepStrictEqual(got, expect)) return got;
      await new Promise<void>((resolve) => {
        one.changed = resolve;
      });
    }
  },
};

const refused = new Set<string>();

function isRefused(token: string | undefined): boolean {
  return token !== undefined && refused.has(token);
}

for (const step of JSON.parse(readFileSync(given.scenario, "utf8")) as Step[])
  process.stdout.write(`GOT ${JSON.stringify(await steps[step.do](step))}\n`);
await connected().close();
