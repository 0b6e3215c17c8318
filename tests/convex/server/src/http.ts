// Convex's HTTP API: one-shot calls and file storage.
import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { brotliDecompressSync } from "node:zlib";
import { AuthFailure, credentials, type Identity } from "./auth.ts";
import { canonical, type Deployment, type Kind, type Outcome } from "./deployment.ts";
import { clean, decode, encode, encodeU64, type Json, Value, type Wire } from "./wire.ts";

export interface Request {
  method: string;
  url: URL;
  headers: IncomingMessage["headers"];
  body: Buffer;
}

export interface Response {
  status: number;
  body: Buffer | string;
  type: string;
}

/** End the connection instead of answering. */
export class HangUp extends Error {}

/** An answer that is an error of the HTTP API. */
export class HttpError extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export function json(value: Wire, status = 200): Response {
  return { status, body: encode(value), type: "application/json" };
}

export function text(body: string, status = 200): Response {
  return { status, body, type: "text/plain; charset=utf-8" };
}

export async function read(request: IncomingMessage): Promise<Request> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  const sent = Buffer.concat(parts);
  const isPacked = request.headers["content-encoding"] === "br";
  return {
    method: request.method ?? "GET",
    url: new URL(request.url ?? "/", "http://localhost"),
    headers: request.headers,
    body: isPacked ? brotliDecompressSync(sent) : sent,
  };
}

export function write(response: ServerResponse, { status, body, type }: Response): void {
  response.writeHead(status, {
    "content-type": type,
    "content-length": Buffer.byteLength(body),
    "access-control-allow-origin": "*",
  });
  response.end(body);
}

export function parse<T>(request: Request): T {
  try {
    return decode(request.body.toString()) as T;
  } catch (error) {
    throw new HttpError(400, "BadJsonBody", `Failed to parse the request body as JSON: ${error}`);
  }
}

interface CallBody {
  path: string;
  args?: Json | Json[];
  format?: string;
}

const CALL = /^\/api\/(query|mutation|action|function|query_at_ts)$/;
const FILE = /^\/api\/storage\/([\w-]+)$/;
const UPLOAD_MS = 60 * 60 * 1000;

export class PublicApi {
  private readonly deployment: Deployment;
  private readonly base: () => string;
  private readonly uploads = new Map<string, number>();
  private readonly files = new Map<string, string>();

  constructor(deployment: Deployment, base: () => string) {
    this.deployment = deployment;
    this.base = base;
  }

  async handle(request: Request): Promise<Response | null> {
    const { pathname } = request.url;
    if (pathname === "/") return text("This Convex deployment is running.");
    if (pathname === "/version" || pathname === "/instance_version") return text("unknown");
    if (pathname === "/instance_name") return text("ipyclaude-test");
    if (pathname === "/api/query_ts") return json({ ts: encodeU64(this.deployment.lastTs) });
    const call = CALL.exec(pathname);
    if (call !== null) return await this.call(call[1] ?? "", request);
    if (pathname === "/api/storage/upload") return await this.upload(request);
    const file = FILE.exec(pathname);
    return file === null ? null : await this.download(file[1] ?? "");
  }

  async identify(request: Request): Promise<Identity> {
    return await this.deployment.auth.identify(credentials(request.headers.authorization));
  }

  private async call(kind: string, request: Request): Promise<Response> {
    const body = request.method === "GET" ? bodyOfUrl(request.url) : parse<CallBody>(request);
    if (typeof body.path !== "string")
      throw new HttpError(400, "BadRequest", "missing field `path`");
    const identity = await this.identify(request);
    const args = (Array.isArray(body.args) ? body.args[0] : body.args) ?? {};
    const { path } = canonical(body.path);
    const { faults } = this.deployment;
    if (faults.take("internal", path))
      throw new HttpError(
        500,
        "InternalServerError",
        "Your request couldn't be completed. Try again later.",
      );
    if (faults.take("drop_before", path)) throw new HangUp();
    const outcome = await this.outcome(kind, body.path, args, identity);
    if (faults.take("lose_reply", path)) throw new HangUp();
    return json(answer(outcome, body.format ?? "json"));
  }

  private async outcome(
    kind: string,
    path: string,
    args: Json,
    identity: Identity,
  ): Promise<Outcome> {
    let wanted: Kind = kind === "query_at_ts" ? "query" : (kind as Kind);
    if (kind === "function")
      try {
        wanted = this.deployment.kindFor(path, identity);
      } catch {
        wanted = "any"; // the call itself says what is wrong
      }
    if (wanted === "query") return (await this.deployment.query(path, args, identity)).outcome;
    return await this.deployment.call(wanted, path, args, identity);
  }

  // ---- files ------------------------------------------------------------------------------

  uploadUrl(): string {
    const token = randomUUID();
    this.uploads.set(token, Date.now() + UPLOAD_MS);
    return `${this.base()}/api/storage/upload?token=${token}`;
  }

  /** Return the address of a file; whoever has it may read the file. */
  fileUrl(storageId: string): string {
    const known = [...this.files].find(([, id]) => id === storageId)?.[0];
    const name = known ?? randomUUID();
    this.files.set(name, storageId);
    return `${this.base()}/api/storage/${name}`;
  }

  private async upload(request: Request): Promise<Response> {
    const token = request.url.searchParams.get("token") ?? "";
    if ((this.uploads.get(token) ?? 0) < Date.now())
      throw new HttpError(403, "StorageTokenInvalid", "Missing or expired upload token");
    if (this.deployment.faults.take("internal", "storage:upload"))
      throw new HttpError(500, "InternalServerError", "Your request couldn't be completed.");
    const type = request.headers["content-type"] ?? "";
    const storageId = await this.deployment.store(
      new Blob([new Uint8Array(request.body)], { type }),
    );
    if (this.deployment.faults.take("lose_reply", "storage:upload")) throw new HangUp();
    return json({ storageId });
  }

  private async download(name: string): Promise<Response> {
    const file = this.deployment.file(this.files.get(name) ?? "");
    if (file === null) throw new HttpError(404, "FileNotFound", `File ${name} not found`);
    const body = Buffer.from(await file.arrayBuffer());
    return { status: 200, body, type: file.type || "application/octet-stream" };
  }
}

function bodyOfUrl(url: URL): CallBody {
  const args = decode(url.searchParams.get("args") ?? "{}") as Json;
  const format = url.searchParams.get("format");
  return { path: url.searchParams.get("path") ?? "", args, ...(format ? { format } : {}) };
}

function answer(outcome: Outcome, format: string): Wire {
  const form = (value: Value | undefined): Value | undefined =>
    value && format === "json" ? new Value(clean(value.json)) : value;
  const { logs } = outcome.run;
  const logLines = logs.length > 0 ? logs : undefined;
  if (outcome.ok) return { status: "success", value: form(outcome.value), logLines };
  return { status: "error", errorMessage: outcome.error, errorData: form(outcome.data), logLines };
}

/** Return the answer that an exception stands for. */
export function failure(error: unknown): Response {
  if (error instanceof HttpError)
    return json({ code: error.code, message: error.message }, error.status);
  if (error instanceof AuthFailure) return json({ code: error.code, message: error.message }, 401);
  const message = error instanceof Error ? error.message : String(error);
  return json({ code: "InternalServerError", message }, 500);
}
