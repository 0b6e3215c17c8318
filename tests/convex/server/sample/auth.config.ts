// The tests state the providers, in Convex's own form, when they make their keys.
export default { providers: JSON.parse(process.env.IPYCLAUDE_AUTH ?? "[]") };
