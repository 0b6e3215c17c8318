/**
 * A model without a kernel: what tests and the bare host page put in anywidget's place.
 *
 * `receive` is what the kernel would send; `sent` is what the page sent. Requests are answered by
 * `answers`, by the type of the request; one that is absent is not answered.
 */

import type { Kind } from "../src/page";
import { EMPTY } from "../src/state";
import type {
  Approval,
  ContentBlock,
  LiveBlock,
  Message,
  Model,
  Request,
  SessionInfo,
  Snapshot,
  Status,
  ToPage,
  TurnState,
  Who,
  WireEvent,
} from "../src/wire";

type Callback = (...args: never[]) => void;

export class MockModel implements Model {
  readonly sent: Request[] = [];
  readonly listeners = new Map<string, Set<Callback>>();
  answers: Partial<Record<Request["type"], (request: Request) => unknown>> = {};
  private n = 0;

  constructor(
    readonly kind: Kind | "watch" = "chat",
    readonly bundle = "here",
  ) {}

  get(name: string): unknown {
    if (name === "bundle") return this.bundle;
    return name === "kind" ? this.kind : undefined;
  }

  on(name: string, callback: Callback): void {
    const known = this.listeners.get(name) ?? new Set();
    this.listeners.set(name, known.add(callback));
  }

  off(name: string, callback: Callback): void {
    this.listeners.get(name)?.delete(callback);
  }

  send(content: unknown): void {
    const request = content as Request;
    this.sent.push(request);
    const answer = this.answers[request.type];
    if (answer) queueMicrotask(() => void this.reply(request, answer));
  }

  receive(message: ToPage): void {
    for (const each of this.listeners.get("msg:custom") ?? []) {
      (each as (message: ToPage) => void)(message);
    }
  }

  snapshot(part: Partial<Snapshot> = {}): void {
    this.receive(snapshot({ ...part, n: ++this.n }));
  }

  events(...events: WireEvent[]): void {
    this.receive({ type: "events", n: ++this.n, events });
  }

  /** Lose a message on the way. */
  skip(): void {
    this.n++;
  }

  get listenerCount(): number {
    return [...this.listeners.values()].reduce((sum, each) => sum + each.size, 0);
  }

  private async reply({ id }: Request, answer: (request: Request) => unknown): Promise<void> {
    const request = this.sent.find((each) => each.id === id) as Request;
    try {
      this.receive({ type: "reply", id, result: await answer(request), error: null });
    } catch (error) {
      const info = { what: (error as Error).message, why: "", fix: "" };
      this.receive({ type: "reply", id, result: null, error: info });
    }
  }
}

// ---- values ----------------------------------------------------------------------------

let ids = 0;
export const SESSION = "s-1";
export const TURN = "t-1";

export function status(part: Partial<Status> = {}): Status {
  return {
    sync: "local",
    waiting: 0,
    detail: "",
    alone: "",
    can_sync: false,
    model: "claude-opus-4-5",
    permission_mode: "default",
    effort: null,
    demo: false,
    server: "",
    people: [],
    holder: null,
    may_take_over: false,
    ...part,
  };
}

export function session(part: Partial<SessionInfo> = {}): SessionInfo {
  return {
    client_id: SESSION,
    name: "penguins",
    cwd: "/data",
    workspace: null,
    git_remote: null,
    base_commit: null,
    notebook: null,
    claude_session_id: null,
    phase: { type: "idle", error_message: null },
    model: null,
    title: "Explore the penguins data",
    server: "",
    cost_usd: 0.0421,
    message_count: 12,
    created_at: 0,
    last_activity_at: Date.now() - 5 * 60_000,
    archived_at: null,
    deleted_at: null,
    local: false,
    keep_local: false,
    holder: null,
    holder_expires_at: null,
    origin: null,
    role: "owner",
    owner: "",
    editors_may: false,
    ...part,
  };
}

export function snapshot(part: Partial<Snapshot> = {}): Snapshot {
  return {
    type: "snapshot",
    n: 1,
    session: session(),
    messages: [],
    more: false,
    todos: [],
    approvals: [],
    printed: [],
    live: [],
    turn: null,
    queued: [],
    status: status(),
    who: who(),
    ...part,
  };
}

export function who(part: Partial<Who> = {}): Who {
  return { ...EMPTY.who, ...part };
}

export function message(
  type: Message["type"],
  content: ContentBlock[],
  part: Partial<Message> = {},
): Message {
  return {
    client_id: `m-${String(++ids).padStart(6, "0")}`,
    session_id: SESSION,
    type,
    content,
    turn_id: TURN,
    timestamp: 0,
    seq: null,
    parent_tool_use_id: null,
    author_id: null,
    author: "",
    model: null,
    cost: null,
    uuid: null,
    prompt_hash: null,
    cell_id: null,
    ...part,
  };
}

export function text(value: string): ContentBlock {
  return { type: "text", text: value };
}

export function call(id: string, name: string, input: Record<string, unknown>): ContentBlock {
  return { type: "tool_use", id, name, input };
}

export function returned(id: string, content: unknown, is_error = false): ContentBlock {
  return { type: "tool_result", tool_use_id: id, content, is_error };
}

export function live(k: number, block: ContentBlock, part: Partial<LiveBlock> = {}): LiveBlock {
  return { k, id: `live-${k}`, turn_id: TURN, block, parent_tool_use_id: null, ...part };
}

export function turn(part: Partial<TurnState> = {}): TurnState {
  return {
    turn_id: TURN,
    status: "running",
    started_at: Date.now(),
    prompt: "",
    model: "claude-opus-4-5",
    result: null,
    stored: false,
    ...part,
  };
}

export function approval(part: Partial<Approval> = {}): Approval {
  return {
    client_id: `a-${++ids}`,
    session_id: SESSION,
    turn_id: TURN,
    tool_use_id: "u-ask",
    tool_name: "Bash",
    input: { command: "git status --short", description: "Show what changed" },
    edited_input: null,
    title: "",
    description: "",
    pattern: "Bash(git status:*)",
    status: "pending",
    scope: "once",
    reason: "",
    decided_by: "",
    person: "",
    decider: "",
    editors_may: false,
    may_answer: true,
    created_at: 0,
    decided_at: null,
    ...part,
  };
}

export function result(part: object = {}): Extract<ContentBlock, { type: "result" }> {
  return {
    type: "result",
    outcome: "done",
    stop_reason: "end_turn",
    duration_ms: 12_345,
    cost_usd: 0.0123,
    input_tokens: 400,
    output_tokens: 812,
    cache_read_tokens: 14_000,
    cache_creation_tokens: 0,
    num_turns: 3,
    context_tokens: 48_000,
    context_window: 200_000,
    model: "claude-opus-4-5-20251101",
    structured_output: null,
    ...part,
  };
}
