"""What tests of the notebook's tools share: calls of them, and what the model was told."""

from __future__ import annotations

from typing import Any

from hosts import Notebook, Shown

from ipyclaude.testing import Reply, ScriptedModel, tool

RUN = "mcp__notebook__run_python"


def call(name: str, /, **arguments: Any) -> Reply:
    """A reply that calls one of the notebook's tools."""
    return Reply(tool(f"mcp__notebook__{name}", arguments))


def code(source: str, **more: Any) -> Reply:
    """A reply that calls `run_python`."""
    return call("run_python", code=source, **more)


def ask(nb: Notebook, model: ScriptedModel, *replies: Reply, allow: str = RUN) -> Shown:
    """Have Claude make these calls, and then say that it is done."""
    model.script(*replies, "Done.")
    return nb.run(f"%%claude --again --allow {allow}\nDo it.")


def result(model: ScriptedModel, at: int = -1) -> list[dict[str, Any]]:
    """Return the content parts of the last tool result that a request holds."""
    [block] = model.requests[at].results
    content: Any = block["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def told(model: ScriptedModel, at: int = -1) -> str:
    """Return the text of the last tool result."""
    return "\n".join(part["text"] for part in result(model, at) if part["type"] == "text")


def streams(shown: Shown) -> str:
    """Return what was written to the streams of a cell."""
    return "".join(
        output["data"]["text/plain"]
        for output in shown.outputs
        if output["output_type"] == "stream"
    )
