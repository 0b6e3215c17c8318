// The tests' own door: faults, statistics, crons. It stays open while the deployment is offline.
import type { Deployment } from "./deployment.ts";
import type { Fault } from "./faults.ts";
import { HttpError, json, parse, type Request, type Response } from "./http.ts";
import type { Listener } from "./listener.ts";
import type { Wire } from "./wire.ts";

type Command =
  | ({ kind: Fault["kind"] } & Fault)
  /** End all connections, or those of clients that say this of themselves. */
  | { kind: "drop" }
  /** Refuse connections for `ms`, or until "online". */
  | { kind: "offline"; ms?: number }
  | { kind: "online" }
  /** Refuse a token, or all tokens of a subject, and end those connections' calls. */
  | { kind: "revoke"; token?: string; subject?: string };

interface Crons {
  crons: Record<string, { name: string; args: Wire[] }>;
}

export class Control {
  private readonly deployment: Deployment;
  private readonly listener: Listener;

  constructor(deployment: Deployment, listener: Listener) {
    this.deployment = deployment;
    this.listener = listener;
  }

  async handle(request: Request): Promise<Response> {
    const { deployment } = this;
    switch (`${request.method} ${request.url.pathname}`) {
      case "POST /__fault":
        await this.fault(parse<Command>(request));
        return json(null);
      case "DELETE /__fault":
        deployment.faults.clear();
        await this.listener.open();
        return json(null);
      case "GET /__stats":
        return json(this.stats());
      case "DELETE /__stats":
        deployment.stats.reset();
        return json(null);
      case "POST /__cron":
        return json(await this.cron(parse<{ name: string }>(request).name));
      default:
        throw new HttpError(404, "NotFound", request.url.pathname);
    }
  }

  private async fault(command: Command): Promise<void> {
    if (command.kind === "drop") return this.listener.drop();
    if (command.kind === "online") return await this.listener.open();
    if (command.kind === "revoke")
      return this.deployment.faults.revoke(command.token ?? command.subject ?? "");
    if (command.kind !== "offline") return this.deployment.faults.add(command);
    await this.listener.close();
    if (command.ms !== undefined) setTimeout(() => void this.listener.open(), command.ms);
  }

  private stats(): Wire {
    const { totals, functions } = this.deployment.stats;
    return {
      ...totals,
      sockets: this.listener.sockets.size,
      faults: this.deployment.faults.hits,
      functions: functions as unknown as Wire,
    };
  }

  /** Run what a cron job runs, now. */
  private async cron(name: string): Promise<Wire> {
    const crons = this.deployment.push?.modules.get("crons.js")?.default as Crons | undefined;
    const job = crons?.crons[name];
    if (job === undefined) throw new HttpError(404, "NotFound", `no cron job named ${name}`);
    const outcome = await this.deployment.call("any", job.name, (job.args[0] ?? {}) as never, {
      kind: "admin",
    });
    if (!outcome.ok) throw new HttpError(500, "CronFailed", outcome.error);
    return outcome.value;
  }
}
