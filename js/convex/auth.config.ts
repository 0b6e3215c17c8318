import type { AuthConfig } from "convex/server";

/**
 * Who may sign in: the JSON list of providers in the deployment's variable IPYCLAUDE_AUTH, in
 * Convex's own form, so that a hub or an identity provider is added without deploying again.
 */
export default {
  providers: JSON.parse(process.env.IPYCLAUDE_AUTH || "[]") as AuthConfig["providers"],
} satisfies AuthConfig;
