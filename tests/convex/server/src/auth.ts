// Who a request comes from: an administrator's key or a JWT of a provider that the deployment trusts.
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  type JWTVerifyGetKey,
  jwtVerify,
} from "jose";

/** A provider as `auth.config.ts` states it. */
export interface Provider {
  type?: string;
  domain?: string;
  issuer?: string;
  jwks?: string;
  algorithm?: string;
  applicationID?: string | null;
}

export interface User {
  subject: string;
  issuer: string;
  tokenIdentifier: string;
  [claim: string]: unknown;
}

export type Identity =
  | { kind: "none"; user?: undefined; expires?: undefined }
  | { kind: "admin"; user?: User | undefined; expires?: undefined }
  | { kind: "user"; user: User; expires: number; token: string };

export type Credentials =
  | { type: "None" }
  | { type: "User"; value: string }
  | { type: "Admin"; value: string; actingAs?: Partial<User> | undefined };

/** A refused token; the code is what the HTTP API answers. */
export class AuthFailure extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

const LEEWAY = 5;
const STANDARD: Record<string, string> = {
  given_name: "givenName",
  family_name: "familyName",
  preferred_username: "preferredUsername",
  profile: "profileUrl",
  picture: "pictureUrl",
  email_verified: "emailVerified",
  birthdate: "birthday",
  zoneinfo: "timezone",
  locale: "language",
  phone_number: "phoneNumber",
  phone_number_verified: "phoneNumberVerified",
  updated_at: "updatedAt",
};
const DROPPED = new Set(["sub", "iss", "aud", "exp", "iat", "nbf", "jti"]);

/** Read an Authorization header. */
export function credentials(header: string | undefined): Credentials {
  if (!header) return { type: "None" };
  if (!/^convex /i.test(header)) return { type: "User", value: header.replace(/^Bearer /i, "") };
  const key = header.slice(7).replace(/^(prod|dev|preview):/, "");
  const colon = key.indexOf(":");
  if (colon < 0) return { type: "Admin", value: key };
  const acting = Buffer.from(key.slice(colon + 1), "base64").toString();
  return { type: "Admin", value: key.slice(0, colon), actingAs: JSON.parse(acting) };
}

function issuerOf(provider: Provider): string {
  if (provider.type === "customJwt") return provider.issuer ?? "";
  const domain = provider.domain ?? "";
  return domain.startsWith("http") ? domain : `https://${domain}`;
}

async function keysOf(provider: Provider): Promise<JWTVerifyGetKey> {
  let url = provider.jwks;
  if (provider.type !== "customJwt") {
    const issuer = issuerOf(provider).replace(/\/$/, "");
    const found = await fetch(`${issuer}/.well-known/openid-configuration`);
    url = ((await found.json()) as { jwks_uri: string }).jwks_uri;
  }
  if (url?.startsWith("data:")) return createLocalJWKSet(await (await fetch(url)).json());
  return createRemoteJWKSet(new URL(url ?? ""));
}

/** Return the attributes that functions see, as Convex names the claims. */
function attributes(claims: Record<string, unknown>): User {
  const subject = String(claims.sub);
  const issuer = String(claims.iss);
  const user: User = { subject, issuer, tokenIdentifier: `${issuer}|${subject}` };
  for (const [name, value] of Object.entries(claims))
    if (!DROPPED.has(name)) user[STANDARD[name] ?? name] = value;
  return user;
}

export class Authenticator {
  providers: readonly Provider[] = [];
  private readonly keys = new Map<Provider, JWTVerifyGetKey>();
  private readonly adminKey: string;
  private readonly isRevoked: (token: string, subject: string) => boolean;

  constructor(adminKey: string, isRevoked: (token: string, subject: string) => boolean) {
    this.adminKey = adminKey;
    this.isRevoked = isRevoked;
  }

  async identify(given: Credentials): Promise<Identity> {
    if (given.type === "None") return { kind: "none" };
    if (given.type === "User") return await this.verify(given.value);
    const { value, actingAs } = given;
    if (value !== this.adminKey)
      throw new AuthFailure("BadDeployKey", "The provided deploy key was invalid for deployment");
    if (!actingAs) return { kind: "admin" };
    const tokenIdentifier = actingAs.tokenIdentifier ?? `${actingAs.issuer}|${actingAs.subject}`;
    return { kind: "admin", user: { ...actingAs, tokenIdentifier } as User };
  }

  private async verify(token: string): Promise<Identity> {
    const provider = this.providerFor(token);
    try {
      const { typ, kid } = decodeProtectedHeader(token);
      if (provider.type === "customJwt" && !(typ && kid))
        throw new Error("the header needs kid and typ");
      const { payload } = await jwtVerify(token, await this.keysFor(provider), {
        algorithms: [provider.algorithm ?? "RS256"],
        clockTolerance: LEEWAY,
        requiredClaims: ["sub", "iss", "exp", "iat"],
      });
      if (this.isRevoked(token, String(payload.sub))) throw new Error("signature error");
      return { kind: "user", user: attributes(payload), expires: Number(payload.exp), token };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new AuthFailure("InvalidAuthHeader", `Could not verify token claims: ${why}`);
    }
  }

  private async keysFor(provider: Provider): Promise<JWTVerifyGetKey> {
    const known = this.keys.get(provider) ?? (await keysOf(provider));
    this.keys.set(provider, known);
    return known;
  }

  private providerFor(token: string): Provider {
    let claims: ReturnType<typeof decodeJwt>;
    try {
      claims = decodeJwt(token);
    } catch {
      throw new AuthFailure("InvalidAuthHeader", "Could not parse as a JWT");
    }
    const audience = [claims.aud ?? []].flat();
    const found = this.providers.find(
      (provider) =>
        [issuerOf(provider), `${issuerOf(provider)}/`].includes(claims.iss ?? "") &&
        (!provider.applicationID || audience.includes(provider.applicationID)),
    );
    if (found === undefined)
      throw new AuthFailure(
        "NoAuthProvider",
        "No auth provider found matching the given token. Check your auth.config.ts",
      );
    return found;
  }
}

/** Say whether a token has run out since it was verified. */
export function isExpired(identity: Identity): boolean {
  return identity.expires !== undefined && Date.now() / 1000 > identity.expires + LEEWAY;
}
