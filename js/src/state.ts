/**
 * What the kernel told us, folded by a pure reducer.
 *
 * Everything here is the kernel's truth as last heard; what only the page knows (open folds, the
 * draft, scroll position) lives in the views.
 */

import { Rope } from "./rope";
import type {
  Approval,
  ContentBlock,
  LiveBlock,
  Message,
  Queued,
  SessionInfo,
  Snapshot,
  Status,
  Todo,
  ToolUseBlock,
  TurnState,
  Who,
  WireEvent,
} from "./wire";

/** A block that is still growing; `text` grows, `block` is as it was announced. */
export interface Live {
  readonly k: number;
  readonly block: ContentBlock;
  readonly text: Rope;
}

/** A place in the transcript: a message, or the live block that will be one. */
export interface Entry {
  readonly id: string;
  readonly turnId: string;
  readonly parent: string | null;
  readonly message: Message | null;
  readonly k: number | null;
  /** The tool calls in it, and the calls whose results are in it, by id. */
  readonly calls: readonly string[];
  readonly results: readonly string[];
}

export interface State {
  /** False until the first snapshot. */
  readonly ready: boolean;
  readonly session: SessionInfo | null;
  readonly entries: readonly Entry[];
  readonly more: boolean;
  readonly todos: readonly Todo[];
  readonly approvals: readonly Approval[];
  readonly live: ReadonlyMap<number, Live>;
  /** The end of what running commands have printed so far, by tool call. */
  readonly printed: ReadonlyMap<string, string>;
  readonly turn: TurnState | null;
  readonly queued: readonly Queued[];
  readonly status: Status;
  readonly who: Who;
}

export const EMPTY: State = {
  ready: false,
  session: null,
  entries: [],
  more: false,
  todos: [],
  approvals: [],
  live: new Map(),
  printed: new Map(),
  turn: null,
  queued: [],
  status: {
    sync: "local",
    waiting: 0,
    detail: "",
    alone: "",
    can_sync: false,
    model: null,
    permission_mode: "default",
    effort: null,
    demo: false,
    server: "",
    people: [],
    holder: null,
    may_take_over: false,
  },
  who: {
    state: "none",
    name: "",
    by: "",
    can_leave: false,
    only_here: 0,
    ways: [],
    accounts: false,
    mail: false,
    mailed: "",
    prompt: null,
    error: null,
  },
};

/** The text by which a block grows, if it is of a kind that does. */
export function growing(block: ContentBlock): string {
  if (block.type === "text") return block.text;
  return block.type === "thinking" ? block.thinking : "";
}

function grown(live: Live): ContentBlock {
  if (live.block.type === "text") return { ...live.block, text: live.text.toString() };
  if (live.block.type === "thinking") return { ...live.block, thinking: live.text.toString() };
  return live.block;
}

function callsIn(blocks: readonly ContentBlock[]): readonly string[] {
  return blocks.flatMap((each) =>
    each.type === "tool_use" || each.type === "server_tool_use" ? [each.id] : [],
  );
}

/** The calls that a message answers, if it is nothing but results. */
function resultsIn(blocks: readonly ContentBlock[]): readonly string[] {
  const ids = blocks.map((each) =>
    each.type === "tool_result" || each.type === "server_tool_result" ? each.tool_use_id : null,
  );
  return ids.includes(null) ? [] : (ids as string[]);
}

function entryOf(message: Message): Entry {
  return {
    id: message.client_id,
    turnId: message.turn_id,
    parent: message.parent_tool_use_id,
    message,
    k: null,
    calls: callsIn(message.content),
    results: resultsIn(message.content),
  };
}

function liveEntry(live: LiveBlock): Entry {
  const { id, k } = live;
  const calls = callsIn([live.block]);
  const parent = live.parent_tool_use_id;
  return { id, turnId: live.turn_id, parent, message: null, k, calls, results: [] };
}

function liveOf(live: LiveBlock): Live {
  return { k: live.k, block: live.block, text: Rope.of(growing(live.block)) };
}

/** Replace the entry of the same id, or add it at the end. */
function put(entries: readonly Entry[], entry: Entry): readonly Entry[] {
  const at = entries.findLastIndex((each) => each.id === entry.id);
  return at < 0 ? [...entries, entry] : entries.with(at, entry);
}

/** Start over from a snapshot. */
export function fromSnapshot(snapshot: Snapshot): State {
  let entries: readonly Entry[] = snapshot.messages.map(entryOf);
  const known = new Set(entries.map((each) => each.id));
  entries = entries.concat(snapshot.live.filter((each) => !known.has(each.id)).map(liveEntry));
  const { session, more, todos, approvals, turn, queued, status, who } = snapshot;
  const live = new Map(snapshot.live.map((each) => [each.k, liveOf(each)]));
  const printed = new Map(snapshot.printed.map((each) => [each.tool_use_id, each.text]));
  const kernels = { session, more, todos, approvals, turn, queued, status, who };
  return { ready: true, ...kernels, entries, live, printed };
}

function close(state: State, k: number, block: ContentBlock | null, drop: boolean): State {
  const live = state.live.get(k);
  const at = state.entries.findLastIndex((each) => each.k === k);
  const entry = state.entries[at];
  if (!live || !entry) return state;
  const rest = new Map(state.live);
  rest.delete(k);
  if (drop) return { ...state, live: rest, entries: state.entries.toSpliced(at, 1) };
  const message: Message = {
    client_id: entry.id,
    session_id: state.session?.client_id ?? "",
    type: "assistant",
    content: [block ?? grown(live)],
    turn_id: entry.turnId,
    timestamp: 0,
    seq: null,
    parent_tool_use_id: entry.parent,
    author_id: null,
    author: "",
    model: null,
    cost: null,
    uuid: null,
    prompt_hash: null,
    cell_id: null,
  };
  return { ...state, live: rest, entries: state.entries.with(at, entryOf(message)) };
}

/** A whole message: a call's result stands for what the call has printed before. */
function landed(state: State, entry: Entry): State {
  const entries = put(state.entries, entry);
  if (!entry.results.some((id) => state.printed.has(id))) return { ...state, entries };
  const rest = [...state.printed].filter(([id]) => !entry.results.includes(id));
  return { ...state, entries, printed: new Map(rest) };
}

function withLive(state: State, live: Live): State {
  return { ...state, live: new Map(state.live).set(live.k, live) };
}

/** Fold one event into the state. */
export function reduce(state: State, event: WireEvent): State {
  switch (event.type) {
    case "message":
      return landed(state, entryOf(event.message));
    case "printed": {
      const printed = new Map(state.printed).set(event.tool_use_id, event.text);
      return { ...state, printed };
    }
    case "open":
      return {
        ...withLive(state, liveOf(event.live)),
        entries: put(state.entries, liveEntry(event.live)),
      };
    case "d": {
      const live = state.live.get(event.k);
      return live ? withLive(state, { ...live, text: live.text.append(event.s) }) : state;
    }
    case "close":
      return close(state, event.k, event.block, event.drop);
    case "todos":
      return { ...state, todos: event.todos };
    case "approval":
      return putApproval(state, event.approval);
    case "turn":
      return { ...state, turn: event.turn };
    case "session":
      return { ...state, session: event.session };
    case "queue":
      return { ...state, queued: event.queued };
    case "status":
      return { ...state, status: event.status };
    case "who":
      return { ...state, who: event.who };
    default:
      return unknownEvent(state, event);
  }
}

// A newer kernel may say what this page doesn't know; the rest still holds (S7).
function unknownEvent(state: State, _event: never): State {
  return state;
}

/** Put an approval in place of the one of its id, or at the end. */
export function putApproval(state: State, approval: Approval): State {
  const at = state.approvals.findIndex((each) => each.client_id === approval.client_id);
  const approvals = at < 0 ? [...state.approvals, approval] : state.approvals.with(at, approval);
  return { ...state, approvals };
}

/** Put older messages before the first. */
export function prepend(state: State, messages: readonly Message[], more: boolean): State {
  const known = new Set(state.entries.map((each) => each.id));
  const older = messages.filter((each) => !known.has(each.client_id)).map(entryOf);
  return { ...state, entries: [...older, ...state.entries], more };
}

/** Keep the last `keep` entries; the others can be asked for again. */
export function trim(state: State, keep: number): State {
  if (state.entries.length <= keep) return state;
  return { ...state, entries: state.entries.slice(-keep), more: true };
}

/** Whether a turn is going on. */
export function running(state: State): boolean {
  return state.turn?.status === "running" || state.turn?.status === "waiting";
}

/** What Claude said in a turn, as Markdown: no thinking, no tools, no subagents. */
export function answerOf(state: State, turnId: string): string {
  return state.entries
    .filter((each) => each.turnId === turnId && each.parent === null)
    .flatMap(({ message }) => (message?.type === "assistant" ? [textOf(message)] : []))
    .filter(Boolean)
    .join("\n\n");
}

/** The text of a message, without what is not text. */
export function textOf(message: Message): string {
  return message.content.flatMap((each) => (each.type === "text" ? [each.text] : [])).join("\n\n");
}

/** What a person typed of a prompt: what went along stands behind it. */
export function typedOf(prompt: Message): string {
  return prompt.content.find((each) => each.type === "text")?.text ?? "";
}

/** The tool call of this id, if it is on the page. */
export function callIn(state: State, id: string): ToolUseBlock | undefined {
  const entry = state.entries.findLast((each) => each.calls.includes(id));
  const blocks = entry?.message?.content ?? [];
  return blocks.find((each): each is ToolUseBlock => each.type === "tool_use" && each.id === id);
}
