"""One person on two hubs that know nothing of one another, in JupyterLab, as they would do it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from convex_server import ConvexServer, deployed
from hubs import Hub
from kernels import said
from live_notebook import SLOW_MS, open_chromium
from places import arguments, files, leaks, private_keys, rows
from playwright.sync_api import Browser, expect
from sheets import Sheet

from ipyclaude.testing import Reply, ScriptedModel, tool

expect.set_options(timeout=SLOW_MS)

#: Writes the tokens that a kernel has, where the test takes them from.
_HELD = """\
import os
from pathlib import Path
from ipyclaude.magics import _loaded
async def held(force):
    return (await _loaded.open().identity.token(force)).reveal()
names = [name for name in os.environ if name in ("JUPYTERHUB_API_TOKEN", "JPY_API_TOKEN")]
held = [await held(False), await held(True), *(os.environ[name] for name in names)]
_ = Path("held").write_text("\\n".join(held)); del held"""
_FAILS = """\
def fails(token): raise ValueError(token)
fails(await _loaded.open().identity.token(True))"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with open_chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def claude() -> Iterator[ScriptedModel]:
    with ScriptedModel() as scripted:
        yield scripted


@pytest.fixture(scope="module")
def convex() -> Iterator[ConvexServer]:
    with deployed() as server:
        yield server


@pytest.fixture(scope="module")
def pair(
    tmp_path_factory: pytest.TempPathFactory, convex: ConvexServer, claude: ScriptedModel
) -> Iterator[tuple[Hub, Hub]]:
    """Two hubs with databases, proxies and issuers of their own, trusted by one deployment."""
    folder = tmp_path_factory.mktemp("pair")
    env = claude.env(folder / "unused")
    del env["CLAUDE_CONFIG_DIR"]  # in each person's home
    with ExitStack() as ends:
        hubs = [Hub(folder / side, convex_url=convex.url, environment=env) for side in "ab"]
        for hub in hubs:
            ends.callback(hub.stop)
            hub.start()
        providers = [each for hub in hubs for each in _provider(hub)]
        convex.set_env({"IPYCLAUDE_AUTH": json.dumps(providers)})
        for hub, users in zip(hubs, (("ada",), ("lovelace", "bob")), strict=True):
            hub.ready()
            for user in users:
                hub.add_user(user)
        yield hubs[0], hubs[1]


def _provider(hub: Hub) -> list[dict[str, str]]:
    """Return what is printed for Convex, as an administrator pastes it."""
    program = Path(sys.executable).parent / "ipyclaude"
    command = [program, "hub", "config", hub.url, "--only", "convex"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"IPYCLAUDE_AUTH '(.*)'", shown)
    assert found
    return json.loads(found[1])


def test_one_person_on_two_hubs(
    pair: tuple[Hub, Hub], chromium: Browser, convex: ConvexServer, claude: ScriptedModel
) -> None:
    """Who is two people to Convex links them, and goes on with Claude's memory on either hub, with
    a guest on the second for a while, and on one when the other is gone (S3, S5); no token is
    anywhere it has no business (S6)."""
    here, there = pair
    claude.script(
        "Teal it is.", Reply(tool("Bash", {"command": "env", "description": "x"})), "I looked."
    )
    a = Sheet.open(chromium, here, "ada")
    a.do("%claude_session new colours")
    assert "Teal it is." in a.do("%claude My colour is teal.")
    a.do("%claude Look at your environment.")
    a.until("%claude_session status", "synced")
    b = Sheet.open(chromium, there, "lovelace")
    b.until("%claude_session status", "synced")
    assert "colours" not in b.do("%claude_session list")

    code = re.search(r"link (\w{5}-[\w-]+)", a.do("%claude_session link"))
    assert code
    assert here.url in b.do(f"%claude_session link {code[1]}", "y")
    assert there.url in a.do("%claude_session link", "y")
    assert f"lovelace at {there.url}" in a.do("%claude_session whoami")
    assert f"ada at {here.url}" in b.do("%claude_session whoami")

    b.until("%claude_session list", "colours")
    b.do("%claude_session open colours")
    claude.script("You said teal.", "I said teal.")
    assert "You said teal." in b.do("%claude Which colour is mine?")
    assert "My colour is teal." in said(claude.requests[-1])
    assert "I said teal." in a.do("%claude And what did you say?")
    for words in ("Which colour is mine?", "You said teal."):
        assert words in said(claude.requests[-1])
    a.until("%claude_session status", "synced")

    guest = _lets_in(b, chromium, claude)
    secrets = [*_secrets(a), *_secrets(b), *_secrets(guest)]
    guest.close()
    seen = [("a command line", arguments(here) + arguments(there))]
    a.close()
    here.stop()
    assert "Yes, teal." in b.do("%claude Still?")
    assert "For bob." in said(claude.requests[-1])
    b.until("%claude_session status", "synced")
    b.close()

    seen += [("a cell's output", "\n".join([*a.shown, *b.shown, *guest.shown]))]
    seen += [("what Claude was sent", json.dumps(list(claude.requests), default=str))]
    seen += [*files(here), *files(there), *rows(convex)]
    assert "CONVEX_URL" in dict(seen)["what Claude was sent"]  # its tools' environment, too
    assert {"Convex's messages", "Convex's identities"} <= dict(seen).keys()
    assert len(set(secrets)) >= 8  # two tokens, the server's and a key of the issuer's, twice
    assert leaks(seen, secrets) == set()


def _lets_in(owner: Sheet, browser: Browser, claude: ScriptedModel) -> Sheet:
    """Share with somebody else on the hub: they see nothing, then read and watch live, then prompt;
    put out, their open page says so and shows nothing that comes after (S5)."""
    guest = Sheet.open(browser, owner.server.hub, "bob")
    assert "colours" not in guest.do("%claude_session list")
    join = re.search(r"%claude_session join \S{26,}", owner.do("%claude_session share colours"))
    assert join
    assert "as viewer" in guest.do(join[0])
    chat = guest.chat("colours")
    log = chat.locator('[data-ipc="log"]')
    expect(log).to_contain_text("You said teal.")
    claude.script("Teal for all.", "For bob.", "Only teal.", "Yes, teal.")
    owner.do("%claude Which one for all?")
    expect(log).to_contain_text("Teal for all.")
    assert "You may read" in guest.do("%claude -s colours And I?")
    assert "is editor" in owner.do("%claude_session role bob editor")
    assert "For bob." in guest.do("%claude -s colours And I, now?")
    owner.do("%claude_session unshare bob")
    expect(chat).to_contain_text("This session is not shared with you any more.")
    assert "Only teal." in owner.do("%claude Without bob?")
    owner.until("%claude_session status", "synced")
    expect(log).not_to_contain_text("Without bob?")
    return guest


def _secrets(sheet: Sheet) -> list[str]:
    """Return all tokens that a kernel and its server have or had, and the issuer's keys."""
    sheet.do(_HELD)
    sheet.do(_FAILS)
    held = sheet.server.root / "held"
    found = [*held.read_text().split(), *private_keys(sheet.server.hub)]
    held.unlink()
    return found
