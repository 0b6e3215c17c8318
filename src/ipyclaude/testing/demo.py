"""What the demo model answers. It says plainly that it is a script, not Claude.

It is a pure function of the request, so that whatever it "remembers" was really in the
conversation that the CLI sent: memory after a resume is shown, not staged.
"""

from __future__ import annotations

import re
from typing import Any

from .replies import Answer, Block, Item, Reply, text, thinking, tool
from .requests import Request, blocks_of

WHO = "*I am a script, not Claude: a built-in demo model with prepared answers.*"
_DELAY = 0.015  # seconds
_CHARS = 12
_STEPS = (
    ("Look at the data", "Looking at the data"),
    ("Draw a first plot", "Drawing a first plot"),
    ("Write down what it shows", "Writing down what it shows"),
)
_MEMORY = re.compile(r"what (?:did|have) i|remember|(?:first|last|before).*(?:ask|say|said)", re.I)
_PLOT = re.compile(r"\b(?:plot|draw|chart)\b", re.I)
_PLAN = re.compile(r"\b(?:plan|to-?dos?|steps?|tasks?)\b", re.I)
_DATA = re.compile(r"\b(?:table|data|column|plot|chart)s?\b", re.I)
_VARIABLE = re.compile(r"`([A-Za-z_]\w*)`")
_TOOL = re.compile(r"\b(?:files?|folder|list|run|ls)\b", re.I)


def answer(request: Request) -> Answer:
    """Answer any prompt, usefully for a tour."""
    if "StructuredOutput" in request.tools and not request.results:
        schema = _schema(request)
        return Reply(tool("StructuredOutput", _example(schema)))
    prompt = request.prompt
    if _MEMORY.search(prompt):
        return Reply(_say(_memory(request)))
    calls = _calls_since_prompt(request)
    named = _VARIABLE.search(prompt)
    if named and _DATA.search(prompt) and RUN_PYTHON in request.tools:
        return _analyse(request, calls, named[1], bool(_PLOT.search(prompt)))
    if _PLAN.search(prompt):
        return _plan(request, calls)
    if _TOOL.search(prompt):
        return _tool(request, calls)
    return Reply(
        thinking("A script thinks nothing; this only shows where thinking goes."), _hello(prompt)
    )


def _say(words: str) -> Block:
    return text(words, chunk_chars=_CHARS, delay=_DELAY)


def _hello(prompt: str) -> Block:
    quoted = prompt.splitlines()[0][:200] if prompt else ""
    return _say(
        f"{WHO}\n\nYou wrote:\n\n> {quoted}\n\n"
        "Claude would answer here, word by word, in **Markdown**:\n\n"
        '```python\nimport math\n\nradius = 2\nprint(f"area = {math.pi * radius**2:.2f}")\n```\n\n'
        "Ask me to make a **plan**, to list the **files** here, or **what you asked first**.\n"
    )


def _memory(request: Request) -> str:
    earlier = request.prompts[:-1]
    if not earlier:
        return f"{WHO}\n\nNothing yet: this is the first prompt of the conversation."
    listed = "\n".join(f"{n}. {words.splitlines()[0][:200]}" for n, words in enumerate(earlier, 1))
    first = earlier[0].splitlines()[0][:200]
    return f"{WHO}\n\nThe first thing you asked:\n\n> {first}\n\nAll that I was sent:\n\n{listed}\n"


def _calls_since_prompt(request: Request) -> list[dict[str, Any]]:
    """Return the tool calls that were made for the last prompt, oldest first."""
    calls: list[dict[str, Any]] = []
    for message in request.messages:
        blocks = blocks_of(message)
        kinds = {block.get("type") for block in blocks}
        if message.get("role") == "user" and "tool_result" not in kinds:
            calls.clear()
        elif message.get("role") == "assistant":
            calls.extend(b for b in blocks if b.get("type") == "tool_use")
    return calls


# ---- a plan, with whichever to-do tools the CLI offers -----------------------------------


def _plan(request: Request, calls: list[dict[str, Any]]) -> Answer:
    done = [call for call in calls if call["name"] in ("TodoWrite", "TaskCreate", "TaskUpdate")]
    if "TodoWrite" in request.tools:
        moves = _todo_writes()
        nth = len(done)
        if nth < len(moves):
            return Reply(*_intro(nth), moves[nth])
    elif "TaskCreate" in request.tools:
        moves = _task_moves(_task_ids(request))
        nth = sum(call["name"] == "TaskUpdate" for call in calls)
        if not done:
            return Reply(*_intro(0), *_task_creates())
        if nth < len(moves):
            return Reply(moves[nth])
    elif "ToolSearch" in request.tools and not calls:
        return Reply(tool("ToolSearch", {"query": "select:TaskCreate,TaskUpdate,TodoWrite"}))
    listed = "\n".join(f"- [x] {content}" for content, _ in _STEPS)
    return Reply(_say(f"The plan went through its steps:\n\n{listed}\n\n{WHO}\n"))


def _intro(nth: int) -> list[Item]:
    return [_say(f"{WHO}\n\nHere is a plan; watch its steps move.\n")] if nth == 0 else []


def _todo_writes() -> list[Block]:
    moves: list[Block] = []
    for active in range(len(_STEPS) + 1):
        todos = [
            {"content": content, "status": _status(n, active), "activeForm": doing}
            for n, (content, doing) in enumerate(_STEPS)
        ]
        moves.append(tool("TodoWrite", {"todos": todos}))
    return moves


def _status(n: int, active: int) -> str:
    return "completed" if n < active else "in_progress" if n == active else "pending"


def _task_creates() -> list[Item]:
    return [
        tool("TaskCreate", {"subject": content, "description": content, "activeForm": doing})
        for content, doing in _STEPS
    ]


def _task_ids(request: Request) -> list[str]:
    found = re.findall(r"Task #(\S+) created", request.text)
    return found[-len(_STEPS) :]


def _task_moves(ids: list[str]) -> list[Block]:
    return [
        tool("TaskUpdate", {"taskId": task, "status": status})
        for task in ids
        for status in ("in_progress", "completed")
    ]


# ---- the notebook's own tools --------------------------------------------------------------

RUN_PYTHON = "mcp__notebook__run_python"
_LOOK = "mcp__notebook__inspect_variable"
_PLOTTING = """\
ax = {name}.select_dtypes("number").plot(subplots=True, figsize=(6, 4))[0]
ax.set_title("{name}")
means = {name}.mean(numeric_only=True)
means"""
_SUMMING = """\
summary = {name}.describe()
summary"""


def _analyse(request: Request, calls: list[dict[str, Any]], name: str, plot: bool) -> Answer:
    """Look at a table, then run code on it: the real tools, in the real notebook."""
    made = [call["name"] for call in calls]
    if _LOOK not in made:
        return Reply(
            _say(f"{WHO}\n\nI look at `{name}` first; that changes nothing.\n"),
            tool(_LOOK, {"name": name}),
        )
    if RUN_PYTHON not in made:
        code = (_PLOTTING if plot else _SUMMING).format(name=name)
        return Reply(_say("Now I ask to run this in your notebook.\n"), tool(RUN_PYTHON, code=code))
    result = request.results[-1] if request.results else {}
    if result.get("is_error"):
        return Reply(_say(f"It did not run:\n\n```\n{_words(result)}\n```\n"))
    pictures = sum(part.get("type") == "image" for part in blocks_of(result))
    seen = f" and saw {pictures} picture" if pictures else ""
    return Reply(_say(f"It ran. I read{seen}:\n\n```\n{_words(result)}\n```\n"))


# ---- a tool that asks ----------------------------------------------------------------------


def _tool(request: Request, calls: list[dict[str, Any]]) -> Answer:
    if not calls:
        return Reply(
            _say(f"{WHO}\n\nI ask to run a command; nothing runs before you allow it.\n"),
            tool(
                "Bash",
                {"command": "touch demo.txt && ls", "description": "Make a file and list all"},
            ),
        )
    result = request.results[-1] if request.results else {}
    if result.get("is_error"):
        return Reply(_say("You did not allow it, so nothing was run.\n"))
    return Reply(_say(f"It ran. What came back:\n\n```\n{_words(result)}\n```\n"))


def _words(result: dict[str, Any]) -> str:
    texts = [str(part.get("text", "")) for part in blocks_of(result)]
    # The CLI adds where it keeps a picture.
    return "\n".join(t for t in texts if not t.startswith("[Image: ")).strip("\n")[:2000]


# ---- a structured answer -------------------------------------------------------------------


def _schema(request: Request) -> dict[str, Any]:
    for offered in request.get("tools") or ():
        if offered.get("name") == "StructuredOutput":
            return dict(offered.get("input_schema") or {})
    return {}


def _example(schema: dict[str, Any]) -> Any:
    """Return a made-up value that fits a simple JSON schema."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object")
    if kind == "object":
        properties: dict[str, dict[str, Any]] = schema.get("properties") or {}
        return {name: _example(sub) for name, sub in properties.items()}
    if kind == "array":
        return [_example(schema.get("items") or {"type": "string"})]
    plain: dict[str, Any] = {"string": "scripted", "integer": 1, "number": 1.5, "boolean": True}
    return plain.get(str(kind))
