"""What the views look like, kept as pictures: light, dark, high contrast, wide and narrow."""

from __future__ import annotations

import threading
from collections.abc import Callable

from live_notebook import Desk, LabNotebook
from playwright.sync_api import expect

from ipyclaude.testing import Reply, text, thinking, tool

ANSWER = """The three colonies differ, and **one** stands out:

| colony | nests | chicks |
| --- | ---: | ---: |
| North | 41 | 63 |
| South | 38 | 22 |

```python
import pandas as pd

birds = pd.read_csv("birds.csv")
birds.groupby("colony")["chicks"].sum()
```

1. South has *fewer* chicks per nest.
2. Ask whether `2024-06` was counted twice.
"""
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
WIDTHS = {"wide": 1200, "narrow": 620}

Shoot = Callable[[LabNotebook, str], None]


def _portraits(nb: LabNotebook, cell: int, name: str, shoot: Shoot) -> None:
    """Take the pictures; the output follows the theme and stays within its cell."""
    grounds: dict[str, str] = {}
    for theme, title in THEMES.items():
        nb.command("apputils:change-theme", theme=title)
        nb.page.wait_for_function(
            "(light) => document.body.dataset.jpThemeLight === String(light)", arg=theme == "light"
        )
        # Lab covers the page while it loads the theme's styles.
        expect(nb.page.locator("#jupyterlab-splash")).to_have_count(0)
        for width, pixels in WIDTHS.items():
            nb.page.set_viewport_size({"width": pixels, "height": 1000})
            nb.cell(cell).scroll_into_view_if_needed()
            output = nb.output(cell)
            assert output.evaluate("(el) => el.scrollWidth <= el.clientWidth + 1"), (name, width)
            shoot(nb, f"{name}-{theme}-{width}")
        words = nb.output(cell).locator("p, .ipc-words").first
        grounds[theme] = words.evaluate("(el) => getComputedStyle(el).color")
    assert grounds["light"] != grounds["dark"]
    nb.page.set_viewport_size({"width": WIDTHS["wide"], "height": 1000})
    nb.page.emulate_media(forced_colors="active")
    shoot(nb, f"{name}-contrast-wide")
    nb.page.emulate_media(forced_colors="none")


def test_the_views_follow_the_theme_and_the_width(desk: Desk, shoot: Shoot) -> None:
    """A running turn, a permission prompt, a finished turn and a chat fit any width and theme."""
    gate = threading.Event()
    desk.model.script(
        Reply(tool("ToolSearch", {"query": "select:TaskCreate,TaskUpdate"})),
        Reply(
            thinking("The file has three colonies; count nests and chicks of each."),
            text("I look at the counts first, then say what stands out."),
            tool("TaskCreate", {"subject": "Read birds.csv", "description": "d"}),
            tool("TaskCreate", {"subject": "Compare the colonies", "description": "d"}),
        ),
        Reply(
            tool("TaskUpdate", {"taskId": "1", "status": "completed"}),
            tool("TaskUpdate", {"taskId": "2", "status": "in_progress"}),
            tool("Bash", {"command": "head -n 3 birds.csv", "description": "Look"}),
        ),
        Reply(
            text("The counts are complete. Now ", chunk_chars=24, hold=gate),
            tool("Bash", {"command": "touch summary.csv", "description": "Make the summary"}),
        ),
        Reply(tool("TaskUpdate", {"taskId": "2", "status": "completed"}), text(ANSWER)),
        "That is all.",
    )
    desk.put_file("birds.csv", "colony,nests,chicks\nNorth,41,63\nSouth,38,22\n")
    nb = desk.open(
        "%%claude\nWhat stands out in birds.csv?",
        "%claude_session chat",
    )
    nb.command("application:toggle-left-area")
    nb.start(1)
    expect(nb.hook(1, "message", "live")).to_contain_text("The counts are")
    _portraits(nb, 1, "turn-running", shoot)
    gate.set()
    expect(nb.hook(1, "approval", "pending")).to_be_visible()
    _portraits(nb, 1, "permission", shoot)
    nb.hook(1, "allow-once").click()
    nb.wait_done(1)
    _portraits(nb, 1, "finished", shoot)
    nb.run(2)
    expect(nb.hook(2, "log")).to_contain_text("stands out")
    _portraits(nb, 2, "chat", shoot)
