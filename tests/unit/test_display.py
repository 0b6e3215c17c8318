"""The saved output holds the exchange, and nothing in it runs (S10, S11)."""

from __future__ import annotations

import json

import pytest

from ipyclaude.display import bundle, clean_html, result_text, safe_markdown
from ipyclaude.messages import (
    ContentBlock,
    ImageBlock,
    Message,
    NoticeBlock,
    ResultBlock,
    TextBlock,
    ThinkingBlock,
    Todo,
    ToolResultBlock,
    ToolUseBlock,
    UnknownBlock,
)
from ipyclaude.output import Output

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](  javascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "![x](https://evil.example/pixel.png)",
    "![x][r]\n\n[r]: https://evil.example/pixel.png",
    '<a href="javascript:alert(1)">x</a>',
    "<iframe src=https://evil.example></iframe>",
    "<style>*{background:url(https://evil.example)}</style>",
    "<form action=https://evil.example><input></form>",
    "</code></pre></details><script>alert(1)</script>",
    "`<script>` and ```\n<script>alert(1)</script>",
    "```\n<script>alert(1)</script>\n```",
]


def test_what_was_interrupted_while_it_was_shown_is_shown_anew(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An output that never came can't be replaced: the answer is displayed instead (S10)."""
    done: list[str] = []

    class Handle:
        def display(self, *_: object, **__: object) -> None:
            done.append("display")
            if len(done) == 1:
                raise KeyboardInterrupt

        def update(self, *_: object, **__: object) -> None:
            done.append("update")

    class Widget:
        def _repr_mimebundle_(self) -> dict[str, str]:
            return {}

    monkeypatch.setattr("IPython.display.DisplayHandle", Handle)
    output = Output()
    with pytest.raises(KeyboardInterrupt):
        output.show_widget(Widget(), {})
    output.replace({"text/plain": "answer"})
    output.replace({"text/plain": "answer"})
    assert done == ["display", "display", "update"]


def turn(*blocks: ContentBlock) -> list[Message]:
    """Make one message a block, as a session does."""
    return [Message(session_id="s", turn_id="t", type="assistant", content=(b,)) for b in blocks]


def everywhere(text: str) -> list[Message]:
    """Put a text wherever Claude or a tool could put one."""
    return turn(
        TextBlock(text=text),
        ThinkingBlock(thinking=text),
        ToolUseBlock(id="1", name=text, input={"command": text}),
        ToolResultBlock(tool_use_id="1", content=text),
        NoticeBlock(what=text),
        UnknownBlock(raw={text: text}),
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_hostile_survives_in_the_html(text: str) -> None:
    """No tag that runs or fetches, no handler, no script link, wherever the text stands (S11)."""
    from html.parser import HTMLParser

    found: list[str] = []

    class Walk(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag in {"script", "iframe", "svg", "style", "form", "input", "object", "img"}:
                found.append(tag)
            for name, value in attrs:
                scheme = (value or "").strip().lower()
                if name.startswith("on") or scheme.startswith(("javascript:", "data:text")):
                    found.append(f"{name}={value}")

    Walk().feed(bundle(everywhere(text), [Todo(key="1", content=text)])["text/html"])
    assert found == []


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_has_no_html_no_image_and_no_script_link_outside_code(text: str) -> None:
    """Rendered by a Markdown engine that lets HTML through, the result is as harmless (S11)."""
    from markdown_it import MarkdownIt

    rendered = MarkdownIt("commonmark", {"html": True}).render(safe_markdown(text))
    lowered = rendered.lower()
    assert "<script" not in lowered
    assert "<img" not in lowered
    assert 'href="javascript' not in lowered
    assert 'href="data' not in lowered
    assert clean_html(rendered).count("<a ") == rendered.count("<a ")


def test_the_saved_output_reads_without_a_kernel() -> None:
    """Text, thinking, tools with input and result, to-dos and cost are all in it (S10)."""
    messages = turn(
        ThinkingBlock(thinking="Let me look.", duration_ms=3000),
        ToolUseBlock(id="1", name="Bash", input={"command": "ls -la"}),
        ToolResultBlock(tool_use_id="1", content=[{"type": "text", "text": "a.py"}]),
        TextBlock(text="There is **one** file:\n\n```python\nprint(1 < 2)\n```"),
        ResultBlock(model="opus", duration_ms=2300, output_tokens=1234, cost_usd=0.0123),
    )
    todos = [Todo(key="1", content="look", status="completed")]
    shown = bundle(messages, todos)
    html, markdown, plain = shown["text/html"], shown["text/markdown"], shown["text/plain"]
    assert "<details><summary>Thought for 3 s</summary>" in html
    assert "<summary>Bash: ls -la ✓</summary>" in html
    assert "<strong>one</strong>" in html
    assert "print(1 &lt; 2)" in html
    assert "opus · 2.3 s · 1,234 tokens · $0.0123" in html
    assert "☑ look" in html
    assert "<details><summary>Bash: ls -la ✓</summary>\n\n```json" in markdown
    assert "```python\nprint(1 < 2)\n```" in markdown
    assert "There is **one** file" in plain
    assert json.loads(json.dumps(shown)) == shown


def test_a_task_list_has_its_boxes() -> None:
    """What Claude ticked off is ticked in the saved HTML too, and no other bracket is one."""
    said = "- [x] **look**\n- [ ] draw\n- [link](https://a.example) and [x] inside\n\n[x] no list\n"
    html = bundle(turn(TextBlock(text=said)))["text/html"]
    assert "<li>☑ <strong>look</strong></li>" in html
    assert "<li>☐ draw</li>" in html
    assert "and [x] inside</li>" in html
    assert "<p>[x] no list</p>" in html


def test_a_failed_tool_and_an_unknown_block_are_shown() -> None:
    """Unknown content has a generic form, an error a mark (S7)."""
    shown = bundle(
        turn(
            ToolUseBlock(id="1", name="Edit", input={"file_path": "a.py"}),
            ToolResultBlock(tool_use_id="1", content="no such file", is_error=True),
            UnknownBlock(raw={"type": "hologram", "data": 7}),
        )
    )
    assert "Edit: a.py ✗" in shown["text/html"]
    assert "hologram" in shown["text/html"]
    found = [{"type": "tool_reference", "tool_name": "TaskCreate"}, {"type": "hologram"}, "x"]
    assert result_text(found) == "TaskCreate\n[hologram]\nx"


def test_a_local_image_is_shown_and_a_remote_one_is_not() -> None:
    """Only an image whose bytes are here becomes an image (S11)."""
    here = ImageBlock(source={"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="})
    remote = ImageBlock(source={"type": "url", "url": "https://evil.example/x.png"})
    html = bundle(turn(here, remote))["text/html"]
    assert 'src="data:image/png;base64,iVBORw0KGgo="' in html
    assert "evil.example" not in html


def test_a_long_tool_output_is_cut_in_the_notebook_and_says_so() -> None:
    """A notebook doesn't swell: the whole is in the session."""
    shown = bundle(
        turn(
            ToolUseBlock(id="1", name="Bash", input={"command": "yes"}),
            ToolResultBlock(tool_use_id="1", content="y\n" * 50_000),
        )
    )
    assert len(shown["text/html"]) < 30_000
    assert "80,000 characters more are in the session" in shown["text/html"]
