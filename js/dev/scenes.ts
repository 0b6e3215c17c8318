/** What the bare host page shows: one busy exchange, recorded by hand. */

import type { Asset, Find, Message, Older, Suggest, Todo } from "../src/wire";
import {
  approval,
  call,
  live,
  type MockModel,
  message,
  result,
  returned,
  session,
  status,
  text,
  turn,
  who,
} from "./mock";

const PROMPT = {
  url: "https://id.example.org/device?user_code=WDJB-MJHT",
  shown: "https://id.example.org/device",
  code: "WDJB-MJHT",
};

const ANSWER = `## What the data says

The three species differ most in **flipper length**: Gentoo penguins average \`217 mm\`, the others below 196 mm.

| species | n | flipper (mm) | mass (g) |
| --- | ---: | ---: | ---: |
| Adelie | 152 | 190.0 | 3701 |
| Chinstrap | 68 | 195.8 | 3733 |
| Gentoo | 124 | 217.2 | 5076 |

1. Load the file and drop the rows without a measurement.
2. Group by species:

\`\`\`python
import pandas as pd

def summary(path: str) -> pd.DataFrame:
    """Mean measures by species."""
    frame = pd.read_csv(path).dropna()
    return frame.groupby("species")[["flipper_length_mm", "body_mass_g"]].mean()  # in mm and g
\`\`\`

> Two rows have no sex recorded; they are kept.

See [the dataset](https://allisonhorst.github.io/palmerpenguins/) ![badge](https://example.org/badge.png)
`;

export const TODOS: Todo[] = [
  ["1", "Load the data", "completed", null],
  ["2", "Summarise by species", "in_progress", "Summarising by species"],
  ["3", "Plot flipper length", "pending", null],
].map(([key, content, state, active]) => ({
  key: key as string,
  content: content as string,
  status: state as Todo["status"],
  active_form: active ?? null,
  priority: null,
  parent_tool_use_id: null,
}));

const EDIT = {
  file_path: "analysis/summary.py",
  old_string: "def summary(path):\n    frame = pd.read_csv(path)\n    return frame.mean()",
  new_string:
    "def summary(path):\n    frame = pd.read_csv(path).dropna()\n    return frame.groupby('species').mean()",
};

function exchange(): Message[] {
  return [
    message("user", [
      text("Explore `penguins.csv` and tell me\nwhat differs between the species."),
    ]),
    message("assistant", [
      {
        type: "thinking",
        thinking: "I should look at the file first.",
        signature: "",
        duration_ms: 2400,
      },
    ]),
    message("assistant", [text("I'll look at the file first.")]),
    message("assistant", [
      call("u-1", "Bash", { command: "head -3 penguins.csv", description: "Look at the file" }),
    ]),
    message("tool", [
      returned(
        "u-1",
        "species,island,bill_length_mm\nAdelie,Torgersen,39.1\nAdelie,Torgersen,39.5",
      ),
    ]),
    message("assistant", [call("u-2", "Edit", EDIT)]),
    message("tool", [returned("u-2", "The file analysis/summary.py has been updated.")]),
    message("assistant", [call("u-3", "Read", { file_path: "analysis/missing.py" })]),
    message("tool", [returned("u-3", "File does not exist.", true)]),
    message("assistant", [
      call("u-4", "Task", { description: "Check the units", prompt: "Check the units." }),
    ]),
    message("assistant", [call("u-5", "Grep", { pattern: "_mm|_g" })], {
      parent_tool_use_id: "u-4",
    }),
    message("tool", [returned("u-5", "3 matches")], { parent_tool_use_id: "u-4" }),
  ];
}

function answered(): Message[] {
  return [
    ...exchange(),
    message("tool", [returned("u-4", [{ type: "text", text: "Units are mm and g." }])]),
    message("assistant", [text(ANSWER)]),
    message("result", [result()]),
  ];
}

const PLAN = "## Plan\n\n1. Read `birds.csv`.\n2. Count by colony.\n3. Plot.\n";

function tools(): Message[] {
  const used = (name: string, input: Record<string, unknown>, content: unknown, wrong = false) => {
    const id = `u-${name}-${Math.random()}`;
    return [
      message("assistant", [call(id, name, input)]),
      message("tool", [returned(id, content, wrong)]),
    ];
  };
  return [
    message("user", [text("Use everything.")]),
    ...used(
      "Bash",
      { command: "pytest -q" },
      "Exit code 1\n\u001b[31m1 failed\u001b[0m in 0.2s",
      true,
    ),
    ...used(
      "Read",
      { file_path: "a/b.py" },
      "     1→import os\n     2→\n     3→print(os.getcwd())",
    ),
    ...used("Edit", EDIT, "The file analysis/summary.py has been updated."),
    ...used("Write", { file_path: "new.py", content: "x = 1\ny = 2\n" }, "File created"),
    ...used(
      "Grep",
      { pattern: "mean", output_mode: "content" },
      "a.py:3:mean()\na.py:9:x.mean()\nb.py:1:mean",
    ),
    ...used("Glob", { pattern: "*.py" }, "/data/a.py\n/data/b.py"),
    ...used(
      "WebSearch",
      { query: "palmer penguins" },
      'Web search results for query: "x"\n\nLinks: [{"title":"Palmer Penguins","url":"https://example.org/p"}]\n\nThree species.',
    ),
    ...used("mcp__weather__now", { city: "Graz" }, '{"t": 21, "wind": {"kmh": 4}}'),
    ...used("ExitPlanMode", { plan: PLAN }, "User has approved your plan."),
    message("assistant", [
      call("u-sub", "Task", { description: "Check the units", prompt: "Check *all*." }),
    ]),
    message("assistant", [call("u-in", "Grep", { pattern: "_mm" })], {
      parent_tool_use_id: "u-sub",
    }),
    message("tool", [returned("u-in", "a.py")], { parent_tool_use_id: "u-sub" }),
    message("tool", [returned("u-sub", [{ type: "text", text: "Units are **mm**." }])]),
    message("system", [
      {
        type: "notice",
        level: "info",
        kind: "compaction",
        what: "The conversation was compacted.",
        why: "It no longer fitted the model's context window.",
        fix: "Claude goes on from a summary; the whole stays in the session.",
      },
    ]),
    message("assistant", [text(MATHS)]),
    message("result", [result()]),
  ];
}

const MATHS = `The mean is $\\bar{x} = \\frac{1}{n}\\sum_i x_i$, for $5 and $10 alike.[^why]

$$
\\int_0^\\infty e^{-x^2}\\,dx = \\frac{\\sqrt{\\pi}}{2}
$$

- [x] counted
- [ ] plotted[^2]

\`\`\`rust
fn main() { println!("{}", 6 * 7); }
\`\`\`

[^why]: Prices are *no* formulas.
[^2]: Not yet.
`;

/** A session of many turns, of which the last messages are there and the others can be fetched. */
export function long(model: MockModel, count: number): void {
  const words = "Some **words** of an answer, `code` among them, on more than a line of the list. ";
  const all = Array.from({ length: count }, (_, at) => {
    const said = at % 2 ? `${words.repeat(1 + (at % 5))}\n\n- message ${at}` : `Question ${at}?`;
    return message(at % 2 ? "assistant" : "user", [text(said)], { turn_id: `t-${at >> 1}` });
  });
  model.answers.older = (request) => {
    const { before, limit } = request as Older;
    const end = all.findIndex((each) => each.client_id === before);
    const start = Math.max(0, end - limit);
    return { messages: all.slice(start, end), more: start > 0 };
  };
  model.answers.find = (request) => {
    const { query, offset, limit } = request as Find;
    const found = all
      .filter((each) => JSON.stringify(each.content).includes(query))
      .slice(offset, offset + limit);
    const type = "assistant";
    return {
      found: found.map((each) => ({
        id: each.client_id,
        type,
        timestamp: 0,
        snippet: `«${query}»`,
      })),
    };
  };
  model.snapshot({ messages: all.slice(-50), more: count > 50 });
}

/** Put the model in a scene. */
export function play(model: MockModel, scene: string): void {
  if (scene === "done") {
    const over = turn({ status: "done", result: result() });
    const todos = TODOS.map((each) => ({ ...each, status: "completed" as const }));
    const out = who({ state: "out", ways: ["work", "home"], accounts: true });
    model.snapshot({ messages: answered(), todos, more: true, turn: over, who: out });
  } else if (scene === "tools") {
    const todos = TODOS.map((each, at) => (at ? { ...each, parent_tool_use_id: "u-sub" } : each));
    model.snapshot({ messages: tools(), todos, turn: turn({ status: "done", result: result() }) });
  } else if (scene === "running") {
    model.snapshot({
      messages: exchange(),
      todos: TODOS,
      turn: turn(),
      queued: [
        { id: "q-0", text: "Weigh them in grams.", held: false, telling: true },
        { id: "q-1", text: "Then plot flipper length by species.", held: false, telling: false },
      ],
      status: status({
        sync: "waiting",
        waiting: 3,
        demo: true,
        people: [{ name: "Ann", label: "lab-2", watching: true, me: false }],
        holder: { name: "Ann", label: "lab-2", since: Date.now(), mine: false },
        may_take_over: true,
      }),
      who: who({ state: "waiting", prompt: PROMPT }),
    });
    model.events({ type: "open", live: live(1, text("")) });
    model.events({ type: "d", k: 1, s: ANSWER.slice(0, 620) });
  } else if (scene === "approval") {
    const asks = [
      approval({ tool_use_id: "u-9" }),
      approval({ tool_name: "Edit", input: EDIT, pattern: "Edit(analysis/**)" }),
    ];
    const messages = [
      ...exchange(),
      message("assistant", [call("u-9", "Bash", { command: "git status --short" })]),
    ];
    const ada = { name: "ada@example.org", by: "The stored sign-in.", can_leave: true };
    const signed = who({ state: "in", ...ada });
    model.snapshot({ messages, approvals: asks, turn: turn({ status: "waiting" }), who: signed });
  } else if (scene === "notices") {
    model.snapshot({
      messages: [
        message("user", [text("Go on.")]),
        message("system", [
          {
            type: "notice",
            level: "error",
            kind: "",
            what: "Claude refused the key.",
            why: "The API answered 401.",
            fix: "Check ANTHROPIC_API_KEY.",
          },
        ]),
        message("system", [
          {
            type: "notice",
            level: "warning",
            kind: "",
            what: "Claude's process ended and was started again.",
            why: "",
            fix: "",
          },
        ]),
        message("assistant", [{ type: "unknown", raw: { type: "hologram", data: [1, 2] } }]),
        message("result", [result({ outcome: "failed" })]),
      ],
      status: status({ sync: "offline", waiting: 12 }),
      turn: turn({ status: "done", stored: true, result: result() }),
    });
  }
}

/** Answers such as a kernel would give. */
export function obey(model: MockModel): void {
  const rows = ["penguins", "titanic", "a session with a rather long name that does not fit"].map(
    (name, at) =>
      session({
        client_id: `s-${at + 1}`,
        name,
        phase: { type: at === 1 ? "running" : "idle", error_message: null },
      }),
  );
  const rules = [
    {
      client_id: "r-1",
      pattern: "Bash(git status:*)",
      behavior: "allow",
      session_id: null,
      created_at: 0,
      revoked_at: null,
    },
  ];
  model.answers = {
    ...model.answers,
    // The host page lies beside the assets.
    asset: async (request) => ({ text: await (await fetch((request as Asset).name)).text() }),
    share: () => ({ line: "%claude_session join ABCDE-FGHJK", until: "2026-12-02 10:00" }),
    stop: () => null,
    prompt: () => ({ turn_id: "t-2" }),
    suggest: (request) => {
      const { sign } = request as Suggest;
      const command = {
        kind: "command",
        insert: "/compact ",
        label: "/compact",
        detail: "Claude Code",
      };
      const file = { kind: "file", insert: "@birds.csv ", label: "birds.csv", detail: "" };
      const frame = { kind: "variable", insert: "`frame` ", label: "frame", detail: "DataFrame" };
      return { suggestions: sign === "/" ? [command] : [frame, file] };
    },
    rename_session: () => null,
    archive_session: () => null,
    delete_session: () => null,
    unqueue: () => null,
    send_now: () => null,
    sessions: () => ({ sessions: rows, current: "s-1", replicates: true, waiting: { "s-2": 4 } }),
    rules: () => ({ rules }),
    revoke: () => ({ rules: [] }),
    configure: () => status(),
    usage: () => ({
      days: [
        { day: "2026-11-25", turns: 3, input_tokens: 48_200, output_tokens: 2_310, cost_usd: 0.04 },
      ],
    }),
  };
}
