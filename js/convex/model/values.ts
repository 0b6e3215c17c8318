/** The validators that tables and functions share. Kinds and states are plain strings (S7). */
import { type Infer, v } from "convex/values";

const text = v.optional(v.string());
const clearable = v.optional(v.union(v.string(), v.null()));

/**
 * What a message or an approval holds: its blocks as JSON texts while they are small, else one
 * codec byte and the compressed JSON of them all, else the sha256 of such bytes in file storage.
 */
export const body = {
  content: v.array(v.object({ type: v.string(), json: v.string() })),
  packed: v.optional(v.bytes()),
  file: text,
};
const bodyObject = v.object(body);
export type Body = Infer<typeof bodyObject>;

/** An identity, as it is shown to the person who is to know it again. */
export const linkedIdentity = v.object({ tokenIdentifier: v.string(), name: v.string() });

export const role = v.union(v.literal("owner"), v.literal("editor"), v.literal("viewer"));
export type Role = Infer<typeof role>;
/** What somebody can be invited as. */
export const guestRole = v.union(v.literal("editor"), v.literal("viewer"));
export type GuestRole = Infer<typeof guestRole>;

/** Somebody as others see them; `me` is for the caller. */
export const person = v.object({ name: v.string(), me: v.boolean() });

export const phase = v.object({ type: v.string(), scriptPath: text, errorMessage: text });

/** A session's columns that clients write. Times are in epoch ms. */
export const sessionColumns = {
  name: v.string(),
  cwd: v.string(),
  phase,
  isClaudeBusy: v.boolean(),
  lastActivityAt: v.number(),
  title: text,
  workspace: text,
  gitRemote: text,
  baseCommit: text,
  notebook: text,
  origin: text,
  claudeSessionId: text,
  model: text,
  archivedAt: v.optional(v.number()),
  /** A label of the server where it was last active. */
  server: text,
  /** JSON text of what has no column. */
  extra: text,
};

export const sessionInput = v.object({
  clientId: v.string(),
  createdAt: v.number(),
  ...sessionColumns,
});
export type SessionInput = Infer<typeof sessionInput>;

/** Columns to change; null clears one. */
export const sessionPatch = v.object({
  name: text,
  cwd: text,
  phase: v.optional(phase),
  isClaudeBusy: v.optional(v.boolean()),
  lastActivityAt: v.optional(v.number()),
  title: clearable,
  workspace: clearable,
  gitRemote: clearable,
  baseCommit: clearable,
  notebook: clearable,
  origin: clearable,
  claudeSessionId: clearable,
  model: clearable,
  archivedAt: v.optional(v.union(v.number(), v.null())),
  server: clearable,
  extra: clearable,
});
export type SessionPatch = Infer<typeof sessionPatch>;

/** What the server counts: `costUsd` is the sum of the costs of the messages that it holds. */
export const sessionCounters = {
  nextSeq: v.number(),
  messageCount: v.number(),
  costUsd: v.number(),
  /** Strictly increasing per owner, so that it serves as a cursor. */
  updatedAt: v.number(),
  deletedAt: v.optional(v.number()),
};

/** A session as the caller sees it; `archivedAt` and `updatedAt` are each member's own. */
export const sessionRow = v.object({
  ...sessionInput.fields,
  ...sessionCounters,
  role,
  /** The owner's name, empty where it is the caller. */
  owner: v.string(),
  /** Whether anybody but the owner is a member. */
  shared: v.boolean(),
});
export type SessionRow = Infer<typeof sessionRow>;

export const leaseColumns = {
  session: v.string(),
  holder: v.string(),
  label: v.string(),
  /** The person whose server the holder is on. */
  name: v.string(),
  since: v.number(),
  expiresAt: v.number(),
};
export const lease = v.object({ ...leaseColumns, mine: v.boolean() });

export const messageInput = v.object({
  clientId: v.string(),
  type: v.string(),
  ...body,
  cost: v.optional(v.number()),
  timestamp: v.number(),
  turnId: v.string(),
  authorId: text,
  parentToolUseId: text,
  extra: text,
});
export type MessageInput = Infer<typeof messageInput>;
export const messageRow = v.object({
  ...messageInput.fields,
  seq: v.number(),
  author: v.union(person, v.null()),
});
export type MessageRow = Infer<typeof messageRow>;
export const messagePage = v.object({ messages: v.array(messageRow), more: v.boolean() });

export const todoInput = v.object({
  key: v.string(),
  content: v.string(),
  status: v.string(),
  priority: text,
  activeForm: text,
  parentToolUseId: text,
});
export type TodoInput = Infer<typeof todoInput>;
export const todoRow = v.object({ ...todoInput.fields, position: v.number() });
export type TodoRow = Infer<typeof todoRow>;

export const approvalInput = v.object({
  clientId: v.string(),
  turnId: v.string(),
  status: v.string(),
  server: text,
  /** Whether others than the person whose machine asks may decide, if they may write. */
  editorsMay: v.optional(v.boolean()),
  ...body,
});
export type ApprovalInput = Infer<typeof approvalInput>;
export const approvalRow = v.object({
  ...approvalInput.fields,
  updatedAt: v.number(),
  editorsMay: v.boolean(),
  raisedBy: person,
  decidedBy: v.union(person, v.null()),
  /** Whether the caller may decide it, while it is pending. */
  mayDecide: v.boolean(),
});
export type ApprovalRow = Infer<typeof approvalRow>;

/** Compressed JSON lines, here or in file storage; `count` is how many. */
export const chunkInput = v.object({
  chunkId: v.string(),
  count: v.number(),
  data: v.optional(v.bytes()),
  file: text,
});
export type ChunkInput = Infer<typeof chunkInput>;
export const chunkRow = v.object({ ...chunkInput.fields, seq: v.number() });
export type ChunkRow = Infer<typeof chunkRow>;

export const transcriptInput = v.object({
  claudeSessionId: v.string(),
  projectKey: v.string(),
  /** Empty for the session's own transcript, a path for a subagent's. */
  subpath: v.string(),
  chunks: v.array(chunkInput),
  summary: text,
});
export type TranscriptInput = Infer<typeof transcriptInput>;

export const headRow = v.object({
  session: v.string(),
  claudeSessionId: v.string(),
  projectKey: v.string(),
  subpath: v.string(),
  mtime: v.number(),
  nextSeq: v.number(),
  summary: text,
});
export type HeadRow = Infer<typeof headRow>;

/** A piece of an answer that is being written: characters `start` to `end` of a block's text. */
export const delta = v.object({
  messageClientId: v.string(),
  turnId: v.string(),
  blockIndex: v.number(),
  type: v.string(),
  start: v.number(),
  end: v.number(),
  text: v.string(),
  parentToolUseId: text,
  extra: text,
});
export type Delta = Infer<typeof delta>;
export const deltaRow = v.object({ ...delta.fields, order: v.number() });

export const member = v.object({
  /** The user's id, as in a message's `authorId`. */
  member: v.id("users"),
  name: v.string(),
  role,
  since: v.number(),
  me: v.boolean(),
  /** Only the owner is told. */
  email: text,
});
export type Member = Infer<typeof member>;

export const invite = v.object({
  invite: v.string(),
  role: guestRole,
  usesLeft: v.number(),
  expiresAt: v.number(),
  createdAt: v.number(),
});

export const fileRow = v.object({
  sha256: v.string(),
  size: v.number(),
  mediaType: v.string(),
});
