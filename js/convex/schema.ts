import { defineSchema, defineTable } from "convex/server";
import { v } from "convex/values";
import {
  approvalInput,
  chunkRow,
  deltaRow,
  fileRow,
  guestRole,
  leaseColumns,
  linkedIdentity,
  messageRow,
  role,
  sessionCounters,
  sessionInput,
  todoRow,
} from "./model/values";

const sessionId = v.id("sessions");
const userId = v.id("users");

export default defineSchema({
  users: defineTable({
    name: v.string(),
    email: v.optional(v.string()),
    imageUrl: v.optional(v.string()),
    tokenIdentifier: v.string(),
    /** The user that this one became one with: what is left here is whose words are whose. */
    joinedTo: v.optional(userId),
    /** The user whose rows are just being moved here. */
    absorbing: v.optional(userId),
  })
    .index("by_token", ["tokenIdentifier", "joinedTo"])
    .index("by_joined", ["joinedTo"]),

  // Identities that were linked to a user; the first one is in the user's row. None is in two.
  identities: defineTable({ userId, tokenIdentifier: v.string(), linkedAt: v.number() })
    .index("by_token", ["tokenIdentifier"])
    .index("by_user", ["userId", "linkedAt"]),

  // A user's code for linking, one at most; `other` is who redeemed it.
  links: defineTable({
    userId,
    codeHash: v.string(),
    maker: linkedIdentity,
    other: v.optional(linkedIdentity),
    expiresAt: v.number(),
  })
    .index("by_user", ["userId"])
    .index("by_code", ["codeHash"]),

  // As `rateLimitTables` of convex-helpers, whose types are not exact about what is optional.
  rateLimits: defineTable({
    name: v.string(),
    key: v.optional(v.string()),
    value: v.number(),
    ts: v.number(),
  })
    .index("name", ["name", "key"])
    .index("by_ts", ["ts"]),

  workspaces: defineTable({
    userId,
    name: v.string(),
    path: v.string(),
    gitRemote: v.optional(v.string()),
  }).index("by_user", ["userId", "path"]),

  sessions: defineTable({
    userId,
    workspaceId: v.id("workspaces"),
    ...sessionInput.fields,
    ...sessionCounters,
    /** Name, title and folder, for the search. */
    searchText: v.string(),
    /** Whether anybody but the owner is a member. */
    isShared: v.optional(v.boolean()),
  })
    .index("by_user", ["userId", "deletedAt", "lastActivityAt"])
    .index("by_user_archived", ["userId", "deletedAt", "archivedAt", "lastActivityAt"])
    .index("by_user_updated", ["userId", "updatedAt"])
    .index("by_user_claude", ["userId", "claudeSessionId"])
    .index("by_workspace", ["workspaceId", "lastActivityAt"])
    .index("by_client", ["clientId", "userId"])
    .searchIndex("search_text", {
      searchField: "searchText",
      filterFields: ["userId", "archivedAt"],
    }),

  // Who may see a session, its owner included. A table of its own, so that a query about one
  // part of a session does not read its row, which changes with every message.
  members: defineTable({ sessionId, userId, clientId: v.string(), role })
    .index("by_session", ["sessionId"])
    .index("by_user", ["userId", "clientId"])
    .index("by_role", ["userId", "role"]),

  // The sessions that others share with a person, as they stand in this person's list.
  shared: defineTable({
    sessionId,
    userId,
    clientId: v.string(),
    lastActivityAt: v.number(),
    searchText: v.string(),
    updatedAt: v.number(),
    archivedAt: v.optional(v.number()),
    /** When the person stopped being a member. */
    goneAt: v.optional(v.number()),
    /** When the owner took something from the person; older invitations don't give it back. */
    barredAt: v.optional(v.number()),
  })
    .index("by_session", ["sessionId", "goneAt"])
    .index("by_client", ["userId", "clientId"])
    .index("by_user", ["userId", "goneAt", "lastActivityAt"])
    .index("by_user_archived", ["userId", "goneAt", "archivedAt", "lastActivityAt"])
    .index("by_user_updated", ["userId", "updatedAt"])
    .searchIndex("search_text", {
      searchField: "searchText",
      filterFields: ["userId", "goneAt", "archivedAt"],
    }),

  // Only a code's hash is kept: who reads the table gets in nowhere.
  invites: defineTable({
    sessionId,
    clientId: v.string(),
    codeHash: v.string(),
    role: guestRole,
    usesLeft: v.number(),
    expiresAt: v.number(),
  })
    .index("by_session", ["sessionId", "clientId"])
    .index("by_code", ["codeHash"])
    .index("by_expires", ["expiresAt"]),

  // Beside the sessions, so that a heartbeat makes nobody read messages or lists again.
  leases: defineTable({
    sessionId,
    userId,
    ...leaseColumns,
    /** Whose server the holder is on; `userId` is the session's owner. */
    heldBy: userId,
  })
    .index("by_session", ["sessionId"])
    .index("by_user", ["userId"])
    .index("by_expires", ["expiresAt"]),

  messages: defineTable({
    ...messageRow.omit("author").fields,
    sessionId,
    authorId: userId,
    /** As the author was called then, so that reading a page reads no users. */
    authorName: v.optional(v.string()),
  })
    .index("by_session", ["sessionId", "seq"])
    .index("by_client", ["sessionId", "clientId"]),

  todos: defineTable({ ...todoRow.fields, sessionId }).index("by_session", [
    "sessionId",
    "position",
  ]),

  approvals: defineTable({
    ...approvalInput.fields,
    sessionId,
    updatedAt: v.number(),
    /** The person whose machine asks, and who decided. */
    raisedById: userId,
    raisedByName: v.string(),
    deciderId: v.optional(userId),
    deciderName: v.optional(v.string()),
  })
    .index("by_session", ["sessionId", "status", "updatedAt"])
    .index("by_session_updated", ["sessionId", "updatedAt"])
    .index("by_raiser", ["sessionId", "status", "raisedById"])
    .index("by_client", ["sessionId", "clientId"]),

  transcriptHeads: defineTable({
    userId,
    sessionId,
    session: v.string(),
    claudeSessionId: v.string(),
    projectKey: v.string(),
    subpath: v.string(),
    nextSeq: v.number(),
    mtime: v.number(),
    summary: v.optional(v.string()),
  })
    .index("by_session", ["sessionId", "claudeSessionId", "projectKey", "subpath"])
    .index("by_session_written", ["sessionId", "claudeSessionId", "subpath", "mtime"])
    .index("by_user_project", ["userId", "projectKey", "subpath"])
    .index("by_user_claude", ["userId", "claudeSessionId", "projectKey"]),

  transcripts: defineTable({
    ...chunkRow.fields,
    sessionId,
    headId: v.id("transcriptHeads"),
    subpath: v.string(),
  })
    .index("by_session", ["sessionId"])
    .index("by_head", ["headId", "seq"])
    .index("by_chunk", ["headId", "chunkId"]),

  streams: defineTable({ ...deltaRow.fields, sessionId })
    .index("by_session", ["sessionId", "order"])
    .index("by_message", ["sessionId", "messageClientId", "blockIndex", "start"]),

  // Changes only when somebody comes, goes or looks away; who is alive is in `beats`.
  presence: defineTable({
    sessionId,
    userId,
    clientKey: v.string(),
    label: v.string(),
    watching: v.boolean(),
    since: v.number(),
  })
    .index("by_session", ["sessionId", "userId"])
    .index("by_client", ["userId", "clientKey"]),

  beats: defineTable({ userId, clientKey: v.string(), seenAt: v.number() })
    .index("by_client", ["userId", "clientKey"])
    .index("by_user", ["userId", "seenAt"])
    .index("by_seen", ["seenAt"]),

  files: defineTable({ ...fileRow.fields, sessionId, storageId: v.id("_storage") })
    .index("by_session", ["sessionId"])
    .index("by_hash", ["sessionId", "sha256"])
    .index("by_storage", ["storageId"]),

  // People with an account of this deployment; no secret is in any of the three as it is used.
  accounts: defineTable({
    email: v.string(),
    name: v.string(),
    passwordHash: v.optional(v.string()),
  }).index("by_email", ["email"]),

  accountCodes: defineTable({
    email: v.string(),
    name: v.string(),
    codeHash: v.string(),
    expiresAt: v.number(),
  })
    .index("by_email", ["email"])
    .index("by_expires", ["expiresAt"]),

  signIns: defineTable({
    accountId: v.id("accounts"),
    key: v.string(),
    secretHash: v.string(),
    previousHash: v.optional(v.string()),
    rotatedAt: v.number(),
    expiresAt: v.number(),
  })
    .index("by_key", ["key"])
    .index("by_account", ["accountId"])
    .index("by_expires", ["expiresAt"]),
});
