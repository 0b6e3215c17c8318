"""How turns and sessions end badly with the real Claude CLI, and that the next turn works."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
from claude_agent_sdk import project_key_for_directory
from engine_bench import Bench, opened

from ipyclaude.engine import BlockDelta, BlockStarted, Notice, RateLimit, TurnEnded
from ipyclaude.engine.claude import ClaudeEngine
from ipyclaude.engine.forking import fold_summary
from ipyclaude.exceptions import (
    BadKey,
    BudgetReached,
    CliDied,
    CliNotFound,
    ContextTooLong,
    EngineError,
    MalformedEvent,
    NotLoggedIn,
    Overloaded,
    RateLimited,
    RequestRefused,
    ServerError,
    StreamCut,
)
from ipyclaude.messages import TextBlock
from ipyclaude.store.sqlite import SqliteStore
from ipyclaude.store.transcripts import TranscriptStore
from ipyclaude.testing.engine_contract import run_turn
from ipyclaude.testing.replies import (
    Answer,
    Reply,
    bad_key,
    cut,
    error,
    hold,
    no_such_model,
    overloaded,
    pause,
    prompt_too_long,
    rate_limited,
    server_error,
    tool,
)
from ipyclaude.testing.replies import malformed as broken_event

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (bad_key(), BadKey),
        (rate_limited(3600), RateLimited),
        (overloaded(), Overloaded),
        (server_error(), ServerError),
        (prompt_too_long(), ContextTooLong),
    ],
)
async def test_the_apis_refusals(tmp_path: Path, refusal: Answer, kind: type[EngineError]) -> None:
    """Each refusal is an error of its own with what to do, and the next turn works (S14)."""
    async with opened(tmp_path, refusal) as bench:
        failed = await run_turn(bench.made, "go")
        after = await run_turn(bench.made, "again")
    assert failed.error is not None
    assert type(failed.error) is kind
    assert failed.error.fix
    assert after.text == "fine again"


async def test_a_rate_limit_says_when_it_ends(tmp_path: Path) -> None:
    """With a login the API says when its limit ends, and so does the error (S14)."""
    ends = 1_795_999_000
    headers = {"status": "rejected", "reset": str(ends), "representative-claim": "five_hour"}
    refusal = error(
        429, headers={f"anthropic-ratelimit-unified-{k}": v for k, v in headers.items()}
    )
    login = {"ANTHROPIC_API_KEY": "", "CLAUDE_CODE_OAUTH_TOKEN": "made-up"}
    async with opened(tmp_path, refusal, env=login) as bench:
        failed = await run_turn(bench.made, "go")
    assert isinstance(failed.error, RateLimited)
    assert failed.error.resets_at == ends
    assert "Ask again after 20" in failed.error.fix
    assert [limit.status for limit in failed.of(RateLimit)] == ["rejected"]


@pytest.mark.parametrize(
    ("end", "kind"),
    [(cut(), StreamCut), (broken_event(), MalformedEvent)],
    ids=["cut", "malformed"],
)
async def test_a_broken_stream_keeps_what_came(
    tmp_path: Path, end: Any, kind: type[EngineError]
) -> None:
    """An answer that breaks off each time is an error of its own; its words stay (S14)."""
    broken = Reply("Half of it", pause(0.2), end)
    async with opened(tmp_path, *[broken] * 4) as bench:
        failed = await run_turn(bench.made, "go")
        after = await run_turn(bench.made, "again")
    assert type(failed.error) is kind
    assert failed.text.startswith("Half of it")
    assert after.text == "fine again"


async def test_an_unknown_model(tmp_path: Path) -> None:
    """A model that the API doesn't have is refused by name."""
    script = [no_such_model("claude-nope")] * 2
    async with opened(tmp_path, *script, model="claude-nope") as bench:
        failed = await run_turn(bench.made, "go")
    assert isinstance(failed.error, RequestRefused)
    assert "claude-nope" in failed.error.why


async def test_not_logged_in(tmp_path: Path) -> None:
    """Without key and login the error says how to log in, and the model is never called."""
    async with opened(tmp_path, env={"ANTHROPIC_API_KEY": ""}) as bench:
        failed = await run_turn(bench.made, "go")
    assert isinstance(failed.error, NotLoggedIn)
    assert bench.model.requests == []


@pytest.mark.parametrize("mode", ["missing", "not executable"])
async def test_no_cli(tmp_path: Path, mode: str) -> None:
    """A CLI that is missing or can't be executed is named, with what to do."""
    path = tmp_path / "claude"
    if mode == "not executable":
        path.write_text("no program")
    async with opened(tmp_path, cli_path=str(path)) as bench:
        failed = await run_turn(bench.made, "go")
    assert isinstance(failed.error, CliNotFound)
    assert str(path) in failed.error.what


async def test_the_budget(tmp_path: Path) -> None:
    """A turn over its budget ends with the limit named; the next one has its own budget."""
    read = Reply(tool("Read", file_path="x"), usage={"output_tokens": 100_000})
    async with opened(tmp_path, read, max_budget_usd=0.5) as bench:
        failed = await run_turn(bench.made, "go")
        after = await run_turn(bench.made, "again")
    assert isinstance(failed.error, BudgetReached)
    assert failed.error.budget_usd == 0.5
    assert after.text == "fine again"


async def test_a_retry_is_told(tmp_path: Path) -> None:
    """While the CLI tries again, a notice says so, and the answer comes."""
    env = {"CLAUDE_CODE_MAX_RETRIES": "2"}
    async with opened(tmp_path, overloaded(), "there", env=env) as bench:
        run = await run_turn(bench.made, "go")
    assert [notice.kind for notice in run.of(Notice)] == ["retry"]
    assert run.text == "there"


async def test_a_killed_cli_is_started_anew(tmp_path: Path) -> None:
    """What came before a kill is kept, and the next turn remembers the finished turns.

    Whether it remembers the killed turn's prompt depends on how far the CLI had written it.
    """
    release = threading.Event()
    # A model that it doesn't know makes the CLI say so on stderr, in the first turn.
    script = ("one", Reply("part", hold(release)))
    async with opened(tmp_path, *script, model="claude-odd") as bench:
        await run_turn(bench.made, "first")
        got: list[Any] = []
        with pytest.raises(CliDied) as raised:  # noqa: PT012 - the events before it are looked at
            async for event in bench.made.ask((TextBlock(text="second"),)):
                got.append(event)
                if isinstance(event, BlockDelta):
                    os.kill(_pid(bench.made), signal.SIGKILL)
        after = await run_turn(bench.made, "third")
        release.set()
    assert any(isinstance(event, BlockStarted) for event in got)
    assert raised.value.exit_code == -signal.SIGKILL
    assert raised.value.why == "It exited with code -9."
    assert after.text == "fine again"
    prompts = bench.model.requests[-1].prompts
    assert (prompts[0], prompts[-1]) == ("first", "third")


def _pid(engine: ClaudeEngine) -> int:
    client: Any = engine._client  # pyright: ignore[reportPrivateUsage]
    return client._transport._process.pid


async def test_close_ends_the_process(tmp_path: Path) -> None:
    """After `close` there is no process, in the middle of a turn too."""
    release = threading.Event()
    async with opened(tmp_path, Reply("part", hold(release))) as bench:
        pid = 0
        with pytest.raises(EngineError):  # noqa: PT012 - the close is in the middle
            async for event in bench.made.ask((TextBlock(text="go"),)):
                if isinstance(event, BlockDelta):
                    pid = _pid(bench.made)
                    await asyncio.wait_for(bench.made.close(), 10)
                assert not isinstance(event, TurnEnded)
        release.set()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


#: How a CLI ends that did not end by itself.
_KILLED = (128 + signal.SIGTERM, -signal.SIGTERM, -signal.SIGKILL)


@pytest.mark.parametrize("end", ["close", "interrupt"])
async def test_a_prompt_that_the_cli_has_yet_to_begin_is_ended_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """What the CLI is told before it begins a turn is lost on it: it is told again, and ends by
    itself, neither when the turn is over nor when it is killed."""
    # However slow the machine is: only a CLI that would not end is killed.
    monkeypatch.setattr("ipyclaude.engine.claude._END_SECONDS", 30.0)
    release = threading.Event()
    async with opened(tmp_path, "one", Reply("part", hold(release))) as bench:
        await run_turn(bench.made, "first")
        client: Any = bench.made._client  # pyright: ignore[reportPrivateUsage]
        cli = client._transport._process
        turn = asyncio.ensure_future(run_turn(bench.made, "second"))
        # Until the prompt is on its way, and not for longer.
        while not bench.made._busy:  # noqa: ASYNC110  # pyright: ignore[reportPrivateUsage]
            await asyncio.sleep(0)
        await getattr(bench.made, end)()
        ran = await turn
        if end == "close":
            assert ran.error is not None
            assert ran.error.what == "The turn was ended."
            assert cli.returncode not in _KILLED
        else:
            [ended] = ran.of(TurnEnded)
            assert ended.result.outcome == "stopped"
        release.set()


#: With line breaks that JSON leaves as they are.
_FIRST = "first\u2028line\x85 and more"


async def _first_turn_cut(bench: Bench) -> None:
    """Ask, and close the engine as soon as the model has the request."""
    turn = asyncio.ensure_future(run_turn(bench.made, _FIRST))
    await asyncio.to_thread(bench.model.wait_for_requests, 1)
    await bench.made.close()
    failed = await turn
    assert failed.error is not None
    assert failed.error.what == "The turn was ended."


async def test_a_first_turn_that_was_cut_short_is_gone_on_from(tmp_path: Path) -> None:
    """Closed in mid-turn, the next engine has the session, though its store has nothing of it."""
    release = threading.Event()
    async with opened(tmp_path, Reply("part", hold(release)), "on", "on") as bench:
        await _first_turn_cut(bench)
        release.set()
        known = bench.options.session_id
        assert bench.transcripts.has(known)
        emptied = SqliteStore(tmp_path / "other.db")
        other = TranscriptStore(emptied, fold=fold_summary)
        for transcripts, resume in ((bench.transcripts, known), (other, None)):
            engine = ClaudeEngine(
                replace(bench.options, resume=resume), ask=bench.ask, transcripts=transcripts
            )
            assert (await run_turn(engine, "second")).text == "on"
            await engine.close()
            assert bench.model.requests[-1].prompts[0].startswith(_FIRST)
        assert other.has(known)
        emptied.close()


async def test_a_file_in_which_nothing_was_said_is_no_session(tmp_path: Path) -> None:
    """What the CLI would neither resume nor begin again is left alone, under another id."""
    async with opened(tmp_path) as bench:
        known, cwd = bench.options.session_id, bench.options.cwd
        folder = tmp_path / "here/claude/projects" / project_key_for_directory(cwd)
        folder.mkdir(parents=True)
        line = '{"type": "queue-operation", "operation": "enqueue"}\n{"cut sho'
        (folder / f"{known}.jsonl").write_text(line)
        assert (await run_turn(bench.made, "go")).text == "fine again"
        assert (folder / f"{known}.jsonl").read_text() == line
        assert not bench.transcripts.has(known)


async def test_who_asks_while_the_process_ends_waits_for_it(tmp_path: Path) -> None:
    """However often it is closed, and whoever stops waiting for that: one process at a time."""
    async with opened(tmp_path, "one", "two") as bench:
        await run_turn(bench.made, "go")
        [before] = psutil.Process().children()
        before.suspend()  # so that it does not end yet
        closing = [asyncio.ensure_future(bench.made.close()) for _ in range(2)]
        await asyncio.sleep(0)
        closing[0].cancel()
        again = asyncio.ensure_future(run_turn(bench.made, "again"))
        await asyncio.sleep(0.3)  # longer than a process takes to start
        assert psutil.Process().children() == [before]
        before.resume()
        assert (await again).text == "two"
        await asyncio.wait(closing)
        assert len(psutil.Process().children()) == 1
