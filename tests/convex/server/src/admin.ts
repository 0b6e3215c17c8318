// What the official CLI asks of a deployment; all of it needs the administrator's key.
import { credentials } from "./auth.ts";
import type { Deployment } from "./deployment.ts";
import { HttpError, json, parse, type Request, type Response } from "./http.ts";
import { analysis, functionSpec, hashes, load, type Push, type PushRequest } from "./push.ts";
import { type Json, Value, type Wire } from "./wire.ts";

const NO_CHANGE = { allocatedComponentIds: {}, schemaIds: {}, indexDiffs: {} };

export class AdminApi {
  private readonly deployment: Deployment;
  private readonly adminKey: string;
  private readonly base: () => string;
  private staged: Push | null = null;

  constructor(deployment: Deployment, adminKey: string, base: () => string) {
    this.deployment = deployment;
    this.adminKey = adminKey;
    this.base = base;
  }

  async handle(request: Request): Promise<Response | null> {
    const route = this.routes[request.url.pathname];
    if (route === undefined) return null;
    this.check(request);
    return json(await route(request));
  }

  private check(request: Request): void {
    const given = credentials(request.headers.authorization);
    const inBody = (): unknown =>
      request.body.length > 0 ? parse<{ adminKey?: unknown }>(request).adminKey : undefined;
    const key = given.type === "Admin" ? given.value : inBody();
    if (key !== this.adminKey)
      throw new HttpError(
        401,
        "BadDeployKey",
        "The provided deploy key was invalid for deployment",
      );
  }

  private readonly routes: Record<string, (request: Request) => Wire | Promise<Wire>> = {
    "/api/get_config_hashes": () => ({
      config: { functions: "convex/", authInfo: [] },
      moduleHashes: hashes(this.deployment.push),
      udfServerVersion: "1.48.0",
      nodeVersion: null,
    }),
    "/api/deploy2/start_push": async (request) => await this.start(parse<PushRequest>(request)),
    "/api/deploy2/evaluate_push": async (request) => {
      await load(parse<PushRequest>(request), this.deployment.push);
      return { schemaChange: NO_CHANGE };
    },
    "/api/deploy2/wait_for_schema": () => {
      const error = this.staged && this.deployment.misfit(this.staged);
      if (error === null) return { type: "complete" };
      return { type: "failed", error, componentPath: "", tableName: null };
    },
    "/api/deploy2/finish_push": (request) => {
      if (!parse<PushRequest>(request).dryRun && this.staged) this.deployment.install(this.staged);
      this.staged = null;
      return { authDiff: { added: [], removed: [] }, definitionDiffs: {}, componentDiffs: {} };
    },
    "/api/deploy2/report_push_completed": () => null,
    "/api/v1/get_canonical_urls": () => ({
      convexCloudUrl: this.base(),
      convexSiteUrl: `${this.base()}/http`,
    }),
    "/api/update_environment_variables": async (request) => {
      const { changes } = parse<{ changes: { name: string; value?: string | null }[] }>(request);
      await this.deployment.setEnvironment(changes);
      return null;
    },
  };

  private async start(request: PushRequest): Promise<Wire> {
    this.staged = await load(request, this.deployment.push);
    return {
      environmentVariables: this.deployment.env,
      externalDepsId: null,
      componentDefinitionPackages: {},
      appAuth: [],
      analysis: { "": analysis(this.staged) as Wire },
      app: {
        definitionPath: "",
        componentPath: "",
        args: {},
        childComponents: {},
        httpRoutes: { httpModuleRoutes: null, mounts: [] },
        exports: {},
      },
      schemaChange: NO_CHANGE,
    };
  }

  /** Answer one of the CLI's own queries, or return null if it isn't one. */
  systemQuery(path: string, args: Json): Value | null {
    const answer = this.queries[path];
    return answer === undefined ? null : new Value(answer(args as Record<string, Json>));
  }

  private readonly queries: Record<string, (args: Record<string, Json>) => Json> = {
    "_system/cli/modules:apiSpec": () => functionSpec(this.deployment.push) as Json,
    "_system/cli/convexUrl:cloudUrl": () => this.base(),
    "_system/cli/queryEnvironmentVariables": () =>
      Object.entries(this.deployment.env).map(([name, value]) => ({ name, value })),
    "_system/cli/queryEnvironmentVariables:get": ({ name }) => {
      const value = this.deployment.env[String(name)];
      return value === undefined ? null : { name: String(name), value };
    },
    "_system/cli/tables": () =>
      page(this.deployment.tables().map((name) => ({ name, type: "table" }))),
    "_system/cli/tableData": ({ table, order }) => {
      const documents = this.deployment.documents(String(table));
      return page(order === "desc" ? documents.reverse() : documents);
    },
    "_system/frontend/components:list": () => [],
  };
}

function page(items: Json[]): Json {
  return { page: items, isDone: true, continueCursor: "" };
}
