// The certified oidc-provider on loopback, for the tests of signing in. It prints its URL.
// POST /__set {"slowDown": 2, "down": false, "idTokenSeconds": 600, "codeSeconds": 600, "device": true}
import Provider from "oidc-provider";

const state = { slowDown: 0, down: false, idTokenSeconds: 600, codeSeconds: 600, device: true };
const seen = [];

const provider = new Provider(process.argv[2], {
  clients: [
    {
      client_id: "ipyclaude",
      client_name: "ipyclaude in a notebook",
      application_type: "native",
      token_endpoint_auth_method: "none",
      grant_types: [
        "authorization_code",
        "refresh_token",
        "urn:ietf:params:oauth:grant-type:device_code",
      ],
      // Of a native client any port is right (RFC 8252, 7.3).
      redirect_uris: ["http://127.0.0.1/ipyclaude"],
    },
  ],
  claims: { openid: ["sub"], email: ["email"], profile: ["name"] },
  conformIdTokenClaims: false,
  features: {
    deviceFlow: { enabled: true },
    revocation: { enabled: true, allowedPolicy: () => true },
  },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.test`, name: id }),
  }),
  rotateRefreshToken: true,
  ttl: {
    IdToken: () => state.idTokenSeconds,
    DeviceCode: () => state.codeSeconds,
    AccessToken: 600,
    AuthorizationCode: 60,
    RefreshToken: 86400,
    Interaction: 600,
    Session: 600,
    Grant: 86400,
  },
  cookies: { keys: ["of the tests alone"] },
});

provider.use(async (ctx, next) => {
  if (ctx.path === "/__set") {
    const parts = [];
    for await (const part of ctx.req) parts.push(part);
    Object.assign(state, JSON.parse(Buffer.concat(parts)));
    ctx.body = { state, seen };
    return;
  }
  if (state.down) {
    ctx.status = 503;
    return;
  }
  if (ctx.path === "/token" && state.slowDown > 0) {
    state.slowDown -= 1;
    ctx.status = 400;
    ctx.body = { error: "slow_down" };
    return;
  }
  await next();
  if (ctx.path === "/token") seen.push(ctx.status);
  if (ctx.path === "/.well-known/openid-configuration" && !state.device) {
    const said = { ...ctx.body };
    delete said.device_authorization_endpoint;
    ctx.body = said;
  }
});

const { port, hostname } = new URL(process.argv[2]);
provider.listen(Number(port), hostname, () => console.log(process.argv[2]));
