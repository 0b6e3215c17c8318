// A push of the official CLI: bundles, schema and providers, made ready to run.
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { Provider } from "./auth.ts";

export interface Bundle {
  path: string;
  source: string;
  sourceMap?: string;
  environment: string;
}

export interface PushRequest {
  adminKey?: string;
  dryRun?: boolean;
  appDefinition: {
    schema: Bundle | null;
    changedModules: Bundle[];
    unchangedModuleHashes: { path: string }[];
    udfServerVersion: string;
  };
}

export interface ConvexFunction {
  isQuery?: boolean;
  isMutation?: boolean;
  isAction?: boolean;
  isHttp?: boolean;
  isInternal?: boolean;
  exportArgs(): string;
  exportReturns(): string;
}

export type Module = Record<string, unknown>;

export interface Schema {
  tables: Record<string, unknown>;
  export(): string;
}

export interface Push {
  bundles: Bundle[];
  schemaBundle: Bundle | null;
  modules: Map<string, Module>;
  schema: Schema | undefined;
  providers: Provider[];
}

const folders = new Set<string>();
process.on("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

export function isFunction(value: unknown): value is ConvexFunction {
  if (value === null || value === undefined) return false;
  const { isQuery, isMutation, isAction, isHttp } = value as ConvexFunction;
  return Boolean((isQuery || isMutation || isAction) && !isHttp);
}

export function kindOf(fn: ConvexFunction): "query" | "mutation" | "action" {
  if (fn.isQuery) return "query";
  return fn.isMutation ? "mutation" : "action";
}

function write(folder: string, bundle: Bundle): void {
  const file = path.join(folder, bundle.path);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, bundle.source);
}

/** Evaluate a push; the modules that it leaves out as unchanged come from the one before. */
export async function load(request: PushRequest, before: Push | null): Promise<Push> {
  const { changedModules, unchangedModuleHashes, schema } = request.appDefinition;
  const known = new Map(before?.bundles.map((bundle) => [bundle.path, bundle]));
  const kept = unchangedModuleHashes.map((hash) => {
    const bundle = known.get(hash.path);
    if (bundle === undefined) throw new Error(`the push leaves out ${hash.path}, which is unknown`);
    return bundle;
  });
  return await evaluate([...changedModules, ...kept], schema);
}

export async function evaluate(bundles: Bundle[], schemaBundle: Bundle | null): Promise<Push> {
  const folder = mkdtempSync(path.join(tmpdir(), "ipyclaude-convex-"));
  folders.add(folder);
  writeFileSync(path.join(folder, "package.json"), '{"type":"module"}');
  for (const bundle of schemaBundle ? [...bundles, schemaBundle] : bundles) write(folder, bundle);
  const open = async (name: string): Promise<Module> =>
    (await import(pathToFileURL(path.join(folder, name)).href)) as Module;
  const modules = new Map<string, Module>();
  for (const bundle of bundles)
    if (!bundle.path.startsWith("_deps/")) modules.set(bundle.path, await open(bundle.path));
  const auth = modules.get("auth.config.js")?.default as { providers?: Provider[] } | undefined;
  return {
    bundles,
    schemaBundle,
    modules,
    schema: schemaBundle ? ((await open(schemaBundle.path)).default as Schema) : undefined,
    providers: auth?.providers ?? [],
  };
}

export function hashes(push: Push | null): { path: string; environment: string; hash: string }[] {
  return (push?.bundles ?? []).map(({ path: name, environment, source, sourceMap }) => ({
    path: name,
    environment,
    hash: createHash("sha256")
      .update(source)
      .update(sourceMap ?? "")
      .digest("hex"),
  }));
}

function analyzed(name: string, fn: ConvexFunction) {
  const kind = kindOf(fn);
  return {
    name,
    pos: null,
    udfType: `${kind[0]?.toUpperCase()}${kind.slice(1)}`,
    visibility: { kind: fn.isInternal ? "internal" : "public" },
    args: fn.exportArgs(),
    returns: fn.exportReturns(),
  };
}

/** Return what the CLI is told about a push, and makes its types from. */
export function analysis(push: Push) {
  const functions = Object.fromEntries(
    [...push.modules].map(([name, module]) => [
      name,
      {
        functions: Object.entries(module).flatMap(([key, value]) =>
          isFunction(value) ? [analyzed(key, value)] : [],
        ),
        httpRoutes: null,
        cronSpecs: null,
        sourceMapped: null,
      },
    ]),
  );
  return {
    definition: {
      path: "",
      definitionType: { type: "app" },
      childComponents: [],
      httpMounts: {},
      exports: { type: "branch", branch: [] },
    },
    schema: push.schema ? JSON.parse(push.schema.export()) : null,
    functions,
    udfConfig: {
      serverVersion: "1.48.0",
      importPhaseRngSeed: null,
      importPhaseUnixTimestamp: null,
    },
  };
}

/** Return the functions in the form of the CLI's function-spec. */
export function functionSpec(push: Push | null) {
  return [...(push?.modules ?? [])].flatMap(([file, module]) =>
    Object.entries(module).flatMap(([name, value]) => {
      if (!isFunction(value)) return [];
      const { udfType, visibility, args, returns } = analyzed(name, value);
      const identifier = `${file}:${name}`;
      return [
        {
          args: JSON.parse(args),
          functionType: udfType,
          identifier,
          returns: JSON.parse(returns),
          visibility,
        },
      ];
    }),
  );
}
