import type { AuthConfig } from "convex/server";

type Providers = AuthConfig["providers"];

/**
 * Who may sign in: the JSON list of providers in the deployment's variable IPYCLAUDE_AUTH, in
 * Convex's own form, so that a hub or an identity provider is added without deploying again; and
 * the deployment's own accounts, where `ipyclaude deploy --accounts` set IPYCLAUDE_ACCOUNTS.
 */
export default {
  providers: [
    ...(JSON.parse(process.env.IPYCLAUDE_AUTH || "[]") as Providers),
    ...(JSON.parse(process.env.IPYCLAUDE_ACCOUNTS || "[]") as Providers),
  ],
} satisfies AuthConfig;
