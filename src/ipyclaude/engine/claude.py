"""The real engine: the Claude CLI through claude-agent-sdk, one kept process per session.

One task owns the SDK's client (it must be used from the async context that connected it):
turns reach it by a queue, and each turn's events come back by a queue of its own.
"""

from __future__ import annotations

import asyncio
import collections
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from claude_agent_sdk import (
    ClaudeAgentOptions,
    ClaudeSDKClient,
    ClaudeSDKError,
    CLINotFoundError,
    PermissionResultAllow,
    PermissionResultDeny,
    ProcessError,
    ToolPermissionContext,
)

from ..exceptions import EngineError
from ..messages import ContentBlock, ResultBlock, Todo
from . import Ask, EngineEvent, EngineOptions, OnFile, Tool, TurnEnded
from .edited import Edited
from .errors import cli_died, cli_not_found, from_result, malformed, turn_ended
from .events import EventMapper, Raw, described
from .hooks import file_hooks, joined
from .launching import launch_options
from .leftover import settled
from .printing import Printing
from .prompts import prompt_lines
from .requesting import request_of
from .results import result_of
from .spawning import apart
from .steering import Steering
from .tools import make_server

# What goes wrong is raised as one of our errors; the SDK's log lines must not reach a cell.
_log = logging.getLogger(__name__)
logging.getLogger("claude_agent_sdk").addHandler(logging.NullHandler())

#: Changed on a running process by a control request; everything else needs a new process.
_LIVE_OPTIONS = ("model", "permission_mode")
_STDERR_LINES = 50
#: Seconds in which a turn that is closed may end by itself, with what it had in the transcript.
_END_SECONDS = 1.0


class _Turn:
    """A turn under way: its events, then an error or None."""

    def __init__(self, content: Sequence[ContentBlock], uuid: str | None) -> None:
        self.content, self.uuid = content, uuid
        self.events: asyncio.Queue[EngineEvent | BaseException | None] = asyncio.Queue()


class ClaudeEngine:
    """Runs turns of one session on the Claude CLI.

    Parameters
    ----------
    options
        How to run; `configure` changes it.
    ask
        Decides the tool calls that the CLI's own rules leave open.
    transcripts
        The SDK `SessionStore` that mirrors Claude's memory, and resumes from it.
    todos
        The to-do list so far, so that an update of an old item finds it.
    tools
        Tools of this process, by the name of the MCP server that offers them.
    on_file
        Is told of each file before and after a tool changes it.
    """

    def __init__(
        self,
        options: EngineOptions,
        *,
        ask: Ask,
        transcripts: Any,
        todos: Sequence[Todo] = (),
        tools: Mapping[str, Sequence[Tool]] | None = None,
        on_file: OnFile | None = None,
    ) -> None:
        self._wanted = options
        self._running: EngineOptions | None = None
        self._resume = options.resume
        self._ask = ask
        self._transcripts = transcripts
        self._tools = dict(tools or {})
        self._edited = Edited()
        self._hooks = joined(file_hooks(on_file), self._edited.hooks)
        self._mapper = EventMapper(tuple(todos))
        self._steering = Steering()
        self._client: ClaudeSDKClient | None = None
        self._lines: AsyncIterator[Raw] | None = None
        self._turns: asyncio.Queue[_Turn | None] = asyncio.Queue()
        self._owner: asyncio.Task[None] | None = None
        #: Ends the owner and its process.
        self._closing: asyncio.Task[None] | None = None
        self._cost = 0.0
        self._interrupted = asyncio.Event()
        self._busy = False
        self._stderr: collections.deque[str] = collections.deque(maxlen=_STDERR_LINES)

    # -- the Engine protocol ---------------------------------------------------------------

    async def configure(self, options: EngineOptions) -> None:
        """Use these options from the next turn on."""
        self._wanted = options

    async def ask(
        self, content: tuple[ContentBlock, ...], *, uuid: str | None = None
    ) -> AsyncIterator[EngineEvent]:
        """Run one turn and yield what happens."""
        while self._closing is not None:
            await asyncio.wait([self._closing])  # two processes cannot have one session
        if self._owner is None or self._owner.done():
            self._owner = asyncio.create_task(self._own(), name="ipyclaude-engine")
        turn = _Turn(content, uuid)
        self._interrupted.clear()
        self._turns.put_nowait(turn)
        finished = False
        try:
            while (event := await turn.events.get()) is not None:
                if isinstance(event, BaseException):
                    finished = True
                    raise event
                yield event
            finished = True
        finally:
            if not finished:
                await self.close()  # whoever asked went away in the middle

    async def steer(self, content: tuple[ContentBlock, ...], *, uuid: str) -> None:
        """Put words into the running turn."""
        if not self._busy or self._client is None:
            raise EngineError("No turn is running.", fix="Send it as a prompt.")
        self._steering.sent(uuid)
        try:
            await self._client.query(prompt_lines(content, uuid))
        except Exception as error:  # the SDK raises bare Exception on control errors
            self._steering.failed(uuid)
            raise EngineError("Claude could not be told.", str(error), "Send it again.") from error

    async def interrupt(self) -> None:
        """Stop the running turn."""
        self._interrupted.set()
        if not self._busy or self._client is None or self._lines is None:
            return  # not yet connected: the turn looks at the flag before it asks
        try:
            await self._client.interrupt()
        except Exception:  # noqa: BLE001 - the SDK raises bare Exception on control errors
            await self.close()  # it cannot be told: end the process instead

    async def close(self) -> None:
        """End the process and wait for it; the next `ask` starts another."""
        owner = self._owner
        if owner is None or owner.done():
            return
        if self._closing is None:
            self._closing = asyncio.create_task(self._end(owner), name="ipyclaude-engine-end")
        # Whoever is cancelled while it waits must not leave the process half ended.
        await asyncio.wait([self._closing])

    async def _end(self, owner: asyncio.Task[None]) -> None:
        try:
            self._turns.put_nowait(None)
            self._interrupted.set()
            if self._busy and self._client is not None and self._lines is not None:
                # Else the CLI goes on with the turn, until it is killed five seconds later.
                try:
                    await asyncio.wait_for(self._client.interrupt(), _END_SECONDS)
                    await asyncio.wait([owner], timeout=_END_SECONDS)
                except Exception as error:  # noqa: BLE001 - it is ended all the same
                    _log.debug("The running turn could not be interrupted: %r", error)
            if self._busy:
                owner.cancel()
            await asyncio.wait([owner])
        finally:
            self._closing = self._owner = None

    # -- the owning task -------------------------------------------------------------------

    async def _own(self) -> None:
        try:
            while (turn := await self._turns.get()) is not None:
                await self._serve(turn)
        finally:
            self._turns = asyncio.Queue()
            await self._disconnect()

    async def _serve(self, turn: _Turn) -> None:
        self._busy = True
        try:
            await self._run(turn)
        except asyncio.CancelledError:
            turn.events.put_nowait(turn_ended())
            raise
        except EngineError as error:
            turn.events.put_nowait(error)
        except (ClaudeSDKError, OSError, ValueError, RuntimeError) as error:
            turn.events.put_nowait(await self._broken(error))
        except Exception as error:  # noqa: BLE001 - the SDK raises bare Exception on control errors
            turn.events.put_nowait(await self._broken(error))
        else:
            turn.events.put_nowait(None)
        finally:
            self._busy = False

    async def _run(self, turn: _Turn) -> None:
        self._mapper.begin_turn()
        self._steering.begin()
        self._stderr.clear()  # what an earlier turn said explains nothing of this one
        client = await self._ready(turn)
        if self._interrupted.is_set():
            self._stopped(turn, ResultBlock(outcome="stopped"))
            return
        await client.query(prompt_lines(turn.content, turn.uuid))
        async with Printing(self._wanted.env, turn.events.put_nowait) as printing:
            while True:
                raw = await self._next_line()
                if raw.get("type") == "result" and await self._ended(turn, raw):
                    return
                printing.saw(raw)
                for heard in self._steering.heard(raw):
                    turn.events.put_nowait(heard)
                if raw.get("type") == "system" and raw.get("subtype") == "init":
                    self._resume = raw.get("session_id") or self._resume
                    if self._interrupted.is_set():
                        await client.interrupt()  # what the CLI was told before it began is lost
                for event in self._mapper.events(raw):
                    turn.events.put_nowait(event)

    async def _ended(self, turn: _Turn, raw: Raw) -> bool:
        """Say whether the turn is over, or goes on with what was put into it."""
        whole = self._steering.result(raw)
        waits = self._steering.waits
        if waits and not raw.get("is_error") and not self._interrupted.is_set():
            return False
        try:
            await self._finish(turn, whole)
        finally:
            if waits:
                await self._disconnect()  # the CLI would go on with what Claude has yet to hear
        return True

    async def _next_line(self) -> Raw:
        assert self._lines is not None
        try:
            return await self._lines.__anext__()
        except StopAsyncIteration:
            raise ProcessError("the CLI's output ended") from None

    async def _finish(self, turn: _Turn, raw: Raw) -> None:
        self._resume = raw.get("session_id") or self._resume
        total = float(raw.get("total_cost_usd") or 0)
        cost, self._cost = max(0.0, total - self._cost), max(total, self._cost)
        stopped = self._interrupted.is_set() or str(raw.get("terminal_reason", "")).startswith(
            "aborted"
        )
        if raw.get("is_error") and not stopped:
            mapper = self._mapper
            budget = self._wanted.max_budget_usd
            error = from_result(raw, mapper.api_error, budget, mapper.resets_at)
            error.cost_usd = cost
            raise error
        result = result_of(raw, cost, self._mapper.context_tokens, stopped=stopped)
        if stopped:
            self._stopped(turn, result)
        else:
            turn.events.put_nowait(TurnEnded(result))

    def _stopped(self, turn: _Turn, result: ResultBlock) -> None:
        if self._closing is not None:
            raise turn_ended(result.cost_usd)
        turn.events.put_nowait(TurnEnded(result))

    async def _broken(self, error: Exception) -> EngineError:
        """Name what went wrong with the process, and let the next turn start another."""
        had_process = self._client is not None
        await self._disconnect()
        if isinstance(error, CLINotFoundError | PermissionError | FileNotFoundError):
            return cli_not_found(self._wanted.cli_path, str(error))
        if isinstance(error, ProcessError):
            return cli_died(error.exit_code, "\n".join(self._stderr))
        if not had_process and self._wanted.cli_path:
            return cli_not_found(self._wanted.cli_path, str(error))
        if "stdin" in str(error) or "transport" in str(error).lower() or "terminated" in str(error):
            return cli_died(None, "\n".join(self._stderr) or str(error))
        return malformed(f"{type(error).__name__}: {error}")

    # -- the process -----------------------------------------------------------------------

    async def _ready(self, turn: _Turn) -> ClaudeSDKClient:
        wanted, running = self._wanted, self._running
        if self._client is not None and running is not None:
            if not self._needs_new_process(wanted, running):
                await self._change(wanted, running)
                return self._client
            await self._disconnect()
        return await self._connect(wanted, turn)

    def _needs_new_process(self, wanted: EngineOptions, running: EngineOptions) -> bool:
        if wanted.max_budget_usd is not None and self._cost > 0:
            return True  # the CLI counts a budget over its whole life; ours is for a turn
        same = {name: getattr(running, name) for name in (*_LIVE_OPTIONS, "resume", "session_id")}
        return replace(wanted, **same) != running

    async def _change(self, wanted: EngineOptions, running: EngineOptions) -> None:
        assert self._client is not None
        if wanted.model != running.model:
            await self._client.set_model(wanted.model)
        if wanted.permission_mode != running.permission_mode:
            await self._client.set_permission_mode(wanted.permission_mode)
        self._running = wanted

    async def _connect(self, wanted: EngineOptions, turn: _Turn) -> ClaudeSDKClient:
        self._cost = 0.0
        begun = wanted
        if self._resume is None:
            begun, self._resume = await settled(wanted, self._transcripts)
        self._client = client = ClaudeSDKClient(self._sdk_options(begun))
        try:
            with apart():
                await client.connect()
            if self._resume is not None and wanted.model is None:
                # A resumed CLI goes on with its last turn's model; None means the default.
                await client.set_model(None)
        except BaseException:
            self._client = None
            raise
        self._mapper.described = described(await client.get_server_info())
        # The SDK's public stream drops what it doesn't know (S7); see events.py.
        self._lines = client._query.receive_messages()  # pyright: ignore[reportPrivateUsage, reportOptionalMemberAccess]
        self._running = wanted
        return client

    async def _disconnect(self) -> None:
        client, self._client, self._lines = self._client, None, None
        if client is not None:
            await client.disconnect()

    def _sdk_options(self, wanted: EngineOptions) -> ClaudeAgentOptions:
        options = launch_options(wanted, resume=self._resume)
        return replace(
            options,
            mcp_servers={**self._servers(), **wanted.mcp_servers},
            can_use_tool=self._decide,
            hooks=self._hooks,
            session_store=self._transcripts,
            session_store_flush="eager",
            stderr=self._stderr.append,
        )

    def _servers(self) -> dict[str, Any]:
        # Made anew for each process: a server serves one connection.
        return {name: make_server(name, tools) for name, tools in self._tools.items()}

    async def _decide(
        self, name: str, tool_input: dict[str, Any], context: ToolPermissionContext
    ) -> PermissionResultAllow | PermissionResultDeny:
        decision = await self._ask(request_of(name, tool_input, context))
        if decision.allow:
            runs = tool_input if decision.input is None else decision.input
            self._edited.note(context.tool_use_id, tool_input, runs)
            return PermissionResultAllow(updated_input=runs)
        return PermissionResultDeny(message=decision.reason, interrupt=decision.interrupt)
