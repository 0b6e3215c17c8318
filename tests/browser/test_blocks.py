"""What stands in an answer: tools, formulas, code in rare languages, each drawn from the wheel."""

from __future__ import annotations

from bare_host import hook
from live_notebook import Desk
from playwright.sync_api import Page, expect

from ipyclaude.testing import Reply, text


def test_tools_are_shown_each_in_its_own_way(page: Page, host: str) -> None:
    """An exit code, numbered lines, a diff by words, hits by file, a subagent with its to-dos."""
    page.goto(f"{host}?kind=turn&scene=tools")
    bash = page.locator('[data-tool="Bash"]')
    expect(bash).to_contain_text("exit code 1")
    for name in ("Read", "Edit", "Grep", "Task"):
        page.locator(f'[data-tool="{name}"] > summary').first.click()
    expect(page.locator('[data-tool="Read"] .ipc-gutter')).to_have_text("1\n2\n3")
    expect(page.locator('[data-tool="Edit"] mark').first).to_contain_text("dropna")
    expect(page.locator('[data-tool="Grep"] .ipc-hit-file').first).to_have_text("a.py")
    subagent = page.locator('[data-tool="Task"]')
    expect(subagent.locator('[data-tool="Grep"]')).to_be_visible()
    expect(subagent.locator(hook("todo")).first).to_contain_text("Summarising by species")
    assert page.locator(".ipc-compaction").count() == 1


def test_formulas_and_rare_languages_come_from_the_kernel(desk: Desk) -> None:
    """KaTeX and a rare language are fetched over the comm: the page asks nobody else (S11)."""
    code = "```rust\nfn main() { let x = 1; }\n```"
    desk.model.script(Reply(text(f"So $\\bar{{x}} = \\frac12$.\n\n{code}\n\nEnd.")))
    nb = desk.open("%claude_session chat")
    nb.run(1)
    nb.hook(1, "composer").fill("Tell me")
    nb.hook(1, "composer").press("Enter")
    log = nb.hook(1, "log")
    expect(log.locator(".katex")).to_be_visible()
    expect(log.locator(".ipc-math math")).to_have_count(1)
    expect(log.locator(".hljs-keyword").first).to_have_text("fn")
    family = log.locator(".katex").evaluate("(el) => getComputedStyle(el).fontFamily")
    assert "KaTeX" in family
    assert nb.foreign_requests == []
