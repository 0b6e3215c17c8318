// The deployment's port, which can be closed and opened again, as a network does.
import http from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import type { AdminApi } from "./admin.ts";
import type { Deployment } from "./deployment.ts";
import { failure, HangUp, HttpError, type PublicApi, type Response, read, write } from "./http.ts";
import { SyncSocket } from "./sync.ts";

const SYNC = /^\/api\/(?:([^/]+)\/)?sync$/;
const MAX_MESSAGE = 64 << 20;

export type Handler = (request: Awaited<ReturnType<typeof read>>) => Promise<Response>;

/** Return a server that answers with what a handler says. */
export function serve(handler: Handler): http.Server {
  return http.createServer((request, response) => {
    const answered = read(request)
      .then(handler)
      .catch((error: unknown) => {
        if (error instanceof HangUp) request.socket.destroy();
        else return failure(error);
        return null;
      });
    void answered.then((answer) => answer && write(response, answer));
  });
}

export async function listen(server: http.Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  return (server.address() as AddressInfo).port;
}

export class Listener {
  readonly sockets = new Set<SyncSocket>();
  readonly chunkBytes: number | null;
  private readonly deployment: Deployment;
  private readonly server: http.Server;
  private readonly accept = new WebSocketServer({
    noServer: true,
    maxPayload: MAX_MESSAGE,
    perMessageDeflate: false,
  });
  private port = 0;
  private isOpen = false;

  constructor(deployment: Deployment, api: PublicApi, admin: AdminApi, chunkBytes: number | null) {
    this.deployment = deployment;
    this.chunkBytes = chunkBytes;
    this.server = serve(async (request) => {
      deployment.stats.totals.httpRequests += 1;
      deployment.stats.totals.httpBytesIn += request.body.length;
      const answer = (await api.handle(request)) ?? (await admin.handle(request));
      if (answer === null) throw new HttpError(404, "NotFound", request.url.pathname);
      deployment.stats.totals.httpBytesOut += Buffer.byteLength(answer.body);
      return answer;
    });
    this.server.on("upgrade", (request, socket, head) => this.upgrade(request, socket, head));
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  private upgrade(request: http.IncomingMessage, socket: Duplex, head: Buffer): void {
    const { pathname } = new URL(request.url ?? "/", this.url);
    const match = SYNC.exec(pathname);
    if (match === null) {
      socket.destroy();
      return;
    }
    const named = request.headers["convex-client"];
    const client = String(named ?? (match[1] ? `npm-${match[1]}` : "unknown"));
    this.accept.handleUpgrade(request, socket, head, (ws) => {
      const opened = new SyncSocket(this.deployment, ws, { client, chunkBytes: this.chunkBytes });
      this.sockets.add(opened);
      ws.on("close", () => this.sockets.delete(opened));
    });
  }

  async open(port = this.port): Promise<void> {
    if (this.isOpen) return;
    this.isOpen = true;
    this.port = await listen(this.server, port);
  }

  /** End all connections. */
  drop(): void {
    for (const socket of this.sockets) socket.terminate();
    this.server.closeAllConnections();
  }

  async close(): Promise<void> {
    if (!this.isOpen) return;
    this.isOpen = false;
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.drop();
    await closed;
  }
}
