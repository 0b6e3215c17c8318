/** Tokens of people with an account of this deployment. */
import { base64url, type CryptoKey, importPKCS8, SignJWT } from "jose";
import { refusal } from "./errors";

/** As Convex Auth has it: known to be signed by Convex's runtime. */
const ALGORITHM = "RS256";
const AUDIENCE = "ipyclaude";
const LASTS = "10 min";

export interface SigningKey {
  issuer: string;
  kid: string;
  key: CryptoKey;
}

export interface Person {
  subject: string;
  email: string;
  name: string;
}

/** Return the names by which Convex knows this deployment's accounts from those of others. */
export function ourIssuers(): string[] {
  const providers = JSON.parse(process.env.IPYCLAUDE_ACCOUNTS || "[]") as { issuer: string }[];
  return providers.map(({ issuer }) => issuer);
}

/** Whether this deployment has accounts of its own: `ipyclaude deploy --accounts` made a key. */
export function hasAccounts(): boolean {
  return Boolean(process.env.IPYCLAUDE_ACCOUNTS_KEY);
}

/**
 * Return the key to sign with, or refuse: this deployment has no accounts. It is asked for before
 * anything is used up, so that a key that is missing or broken costs nobody a code or a sign-in.
 */
export async function signingKey(): Promise<SigningKey> {
  const text = process.env.IPYCLAUDE_ACCOUNTS_KEY;
  if (!text) throw refusal("NoAccounts", "This deployment has no accounts of its own.");
  const { issuer, kid, pkcs8 } = JSON.parse(text) as Record<"issuer" | "kid" | "pkcs8", string>;
  return { issuer, kid, key: await importPKCS8(pkcs8, ALGORITHM) };
}

/** Make the token by which Convex knows a person, for ten minutes. */
export async function signToken({ issuer, kid, key }: SigningKey, person: Person) {
  const { subject, email, name } = person;
  // Whoever has the account was invited at this address or got a code there.
  return await new SignJWT({ name, email, email_verified: true })
    .setProtectedHeader({ alg: ALGORITHM, typ: "JWT", kid })
    .setIssuer(issuer)
    .setSubject(subject)
    .setAudience(AUDIENCE)
    .setIssuedAt()
    .setExpirationTime(LASTS)
    .setJti(random(16))
    .sign(key);
}

/** Return random bytes as text. */
export function random(bytes: number): string {
  return base64url.encode(crypto.getRandomValues(new Uint8Array(bytes)));
}

/** A refresh token: the sign-in that it belongs to, and a secret that is good once. */
export interface Refresh {
  key: string;
  secret: string;
}

export function newRefresh(key = random(16)): Refresh {
  return { key, secret: random(32) };
}

export function refreshText({ key, secret }: Refresh): string {
  return `${key}.${secret}`;
}

export function readRefresh(text: string): Refresh {
  const [key = "", secret = ""] = text.split(".");
  return { key, secret };
}
