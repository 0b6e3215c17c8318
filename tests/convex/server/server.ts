// A Convex deployment to test against. Prints one line of JSON once it listens: the addresses of
// the deployment and of the tests' door (README.md).
//
// node server.ts [--port 0] [--admin-key KEY] [--push FILE] [--chunk BYTES] [--redact]
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { AdminApi } from "./src/admin.ts";
import { Control } from "./src/control.ts";
import { Deployment } from "./src/deployment.ts";
import { PublicApi } from "./src/http.ts";
import { Listener, listen, serve } from "./src/listener.ts";
import { load, type PushRequest } from "./src/push.ts";
import { captureLogs } from "./src/run.ts";
import { installAddresses } from "./src/syscalls.ts";

const { values } = parseArgs({
  options: {
    port: { type: "string", default: "0" },
    "admin-key": { type: "string", default: "test|key" },
    push: { type: "string" },
    chunk: { type: "string" },
    redact: { type: "boolean", default: false },
  },
});
const adminKey = values["admin-key"];
const deployment = new Deployment(adminKey);
deployment.isRedacting = values.redact;
const base = (): string => listener.url;
const admin = new AdminApi(deployment, adminKey, base);
const api = new PublicApi(deployment, base);
deployment.system = (path, args) => admin.systemQuery(path, args);
const listener = new Listener(deployment, api, admin, values.chunk ? Number(values.chunk) : null);
const control = new Control(deployment, listener);

deployment.install({
  bundles: [],
  schemaBundle: null,
  modules: new Map(),
  schema: undefined,
  providers: [],
});
installAddresses(deployment, api);
captureLogs();
if (values.push) {
  const request = JSON.parse(readFileSync(values.push, "utf8")) as PushRequest;
  deployment.install(await load(request, null));
}
await listener.open(Number(values.port));
const door = await listen(
  serve((request) => control.handle(request)),
  0,
);
const line = { url: listener.url, control: `http://127.0.0.1:${door}`, adminKey };
process.stdout.write(`${JSON.stringify(line)}\n`);
// It ends with the one that started it, however that one ended.
process.stdin.on("end", () => process.exit(0)).resume();
