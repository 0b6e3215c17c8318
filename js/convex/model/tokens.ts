/** Tokens of people with an account of this deployment. */
import { base64url, importPKCS8, SignJWT } from "jose";
import { refusal } from "./errors";

/** As Convex Auth has it: known to be signed by Convex's runtime. */
const ALGORITHM = "RS256";
const AUDIENCE = "ipyclaude";
const LASTS = "10 min";

/** What `ipyclaude deploy --accounts` put into the deployment's variable. */
interface SigningKey {
  issuer: string;
  kid: string;
  pkcs8: string;
}

export interface Person {
  subject: string;
  email: string;
  name: string;
}

/** Return the key to sign with, or refuse: this deployment has no accounts. */
export function signingKey(): SigningKey {
  const text = process.env.IPYCLAUDE_ACCOUNTS_KEY;
  if (!text) throw refusal("NoAccounts", "This deployment has no accounts of its own.");
  return JSON.parse(text) as SigningKey;
}

/** Make the token by which Convex knows a person, for ten minutes. */
export async function signToken({ issuer, kid, pkcs8 }: SigningKey, person: Person) {
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
    .sign(await importPKCS8(pkcs8, ALGORITHM));
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
