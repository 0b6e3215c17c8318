"""What `%claude` and `%%claude` do with a prompt, from the typed line to the saved output."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shlex
from concurrent.futures import CancelledError
from dataclasses import replace
from typing import Any

from . import attachments
from .cellview import SHOW_SECONDS, CellView, show_view
from .display import bundle
from .exceptions import IpyClaudeError, TurnStopped, UsageMistake
from .exchange import Answer, Question
from .extension import App
from .messages import Approval, ContentBlock, Message, NoticeBlock, TextBlock
from .notebook.context import cell_text
from .notebook.masking import mask
from .options import Asked, expand
from .output import Output, show
from .permissions import Asker, parse_rule, shown
from .replying import edit_in_terminal, read_reply
from .runtime import Interrupted
from .session import Session
from .sessions import working_folder_note
from .stored import StoredAnswers
from .terminal import Printer

#: How long a page may take to say that it shows the view before `input()` asks instead.
ACKNOWLEDGE_SECONDS = 1.0 + SHOW_SECONDS
_WISHES = {
    "fix": "Find out why the last cell that failed did so, and fix it: say in a sentence what was "
    "wrong, and put the corrected code into the notebook by its tools, or show it.",
    "explain": "Explain the error of the last cell that failed: what went wrong, and why. "
    "Change nothing.",
}
_STORED = "Stored answer of {name!r}; --again asks anew."


def prompt_hash(content: tuple[ContentBlock, ...], shaped_by: object) -> str:
    """Return the sha256 that names what was asked: all content, and what shapes the answer."""
    whole = [[block.model_dump(mode="python") for block in content], shaped_by]
    return hashlib.sha256(json.dumps(whole, sort_keys=True, default=str).encode()).hexdigest()


class Asking:
    """Runs prompts of one kernel's cells."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._answers = StoredAnswers(app.store)

    def run(self, asked: Asked) -> None:
        """Run one `%claude` line or `%%claude` cell.

        Raises
        ------
        IpyClaudeError
            For a person; the session is still usable.
        TurnStopped
            The user stopped the turn.
        """
        app = self._app
        namespace: dict[str, Any] = app.host.shell.user_ns
        content = self._of_error(asked) or _content(asked, namespace)
        schema = attachments.lookup(asked.schema, namespace) if asked.schema else None
        if schema is not None and not isinstance(schema, dict):
            raise UsageMistake(
                f"{asked.schema} is not a JSON schema.",
                why=f"It is of type {type(schema).__name__}.",
                fix="Give a dict such as {'type': 'object', 'properties': {…}}.",
            )
        for rule in asked.allow:
            parse_rule(rule)
        session = app.sessions.for_cell(asked.session)
        shaped_by: list[object] = [schema, asked.model, asked.effort, asked.plan]
        digest = prompt_hash(content, shaped_by)
        stored = None if asked.again else self._stored(session, digest)
        if stored is not None:
            self._show_stored(asked, session, stored)
            return
        question = Question(
            content=content,
            prompt_hash=digest,
            cell_id=app.host.cell_id,
            changes=_changes(asked, schema),  # pyright: ignore[reportUnknownArgumentType]
            allow=asked.allow,
            parent=app.host.parent,
        )
        self._answers.claim(question.turn_id, (app.host.cell_id, app.host.count))
        note = working_folder_note(session.info)
        if note:
            print(note)  # noqa: T201 - told in the cell
        self._ask(asked, session, question)

    def _of_error(self, asked: Asked) -> tuple[ContentBlock, ...] | None:
        """Return what `%claude fix` and `%claude explain` ask, None for any other prompt."""
        wish = _WISHES.get(asked.prompt.strip().lower())
        if wish is None:
            return None
        failed = self._app.notebook.recorder.last_error
        if failed is None:
            raise UsageMistake(
                f"There is no error to {asked.prompt.strip().lower()}.",
                why="No cell has failed since %load_ext ipyclaude.",
                fix="Run the cell that fails, and ask again.",
            )
        told = mask(cell_text(failed), self._app.host.shell.user_ns)
        return (TextBlock(text=wish), TextBlock(text=f"The cell that failed:\n\n{told}"))

    def _ask(self, asked: Asked, session: Session, question: Question) -> None:
        host = self._app.host
        if not host.is_kernel:
            self._in_terminal(asked, session, question)
        elif asked.quiet or not host.can_ask:
            self._unattended(asked, session, question)
        elif asked.background:
            self._in_background(session, question)
        else:
            self._live(asked, session, question)

    # -- answered already --------------------------------------------------------------

    def _stored(self, session: Session, digest: str) -> list[Message] | None:
        """Return the stored turn of this very cell, if it was answered (Run All is safe)."""
        host = self._app.host
        if not host.is_kernel:
            return None  # what is typed in a terminal is meant
        run = (host.cell_id, host.count)
        found = self._answers.find(session.info.client_id, digest, run)
        if found is None:  # it may have been answered on another server, long ago
            self._app.complete(session)
            found = self._answers.find(session.info.client_id, digest, run)
        return found

    def _show_stored(self, asked: Asked, session: Session, messages: list[Message]) -> None:
        if not asked.quiet:
            note = _STORED.format(name=session.info.name)
            show(bundle(messages, note=note))
        self._bind(asked, _answer_of(messages))

    # -- the four ways to ask ----------------------------------------------------------

    def _live(self, asked: Asked, session: Session, question: Question) -> None:
        session.check_may_ask()
        output = Output()
        view = CellView(self._app, session, question.turn_id, output)
        question = replace(question, change_cells=view.change_cells)
        asker = self._cell_asker(session, view)
        try:
            answer = self._wait(session, _with_asker(question, asker))
            output.replace(self._saved(session, answer))
        finally:
            view.end()
        self._finish(asked, answer)
        view.check()

    def _in_background(self, session: Session, question: Question) -> None:
        from .widget import turn_view

        app = self._app
        session.check_may_ask()
        view = turn_view(app, session, question.turn_id)
        question = replace(question, change_cells=view.hands.change)
        output = Output()
        show_view(view, output)

        async def ask() -> None:
            try:
                answer = await session.ask(_with_asker(question, shown))
                output.replace(bundle(answer.messages))
            except IpyClaudeError as error:
                notice = NoticeBlock(level="error", what=error.what, why=error.why, fix=error.fix)
                output.replace(bundle([_notice(session, notice)]))
                raise
            finally:
                view.retire()

        app.runtime.submit(ask())

    def _unattended(self, asked: Asked, session: Session, question: Question) -> None:
        asker = self._input_asker(session) if self._app.host.can_ask else None
        answer = self._wait(session, _with_asker(question, asker))
        if not asked.quiet:
            show(self._saved(session, answer))
        self._finish(asked, answer)

    def _in_terminal(self, asked: Asked, session: Session, question: Question) -> None:
        app = self._app
        if asked.background:
            session.check_may_ask()
            app.runtime.submit(session.ask(_with_asker(question, None)))
            named = shlex.quote(session.info.name)
            print(f"Claude works on it; see it with %claude_session show {named}")  # noqa: T201
            return
        printer = Printer(question.turn_id, quiet=asked.quiet)
        unsubscribe = session.subscribe(printer.heard)
        asker = self._input_asker(session, printer) if app.host.can_ask else None
        try:
            answer = self._wait(session, _with_asker(question, asker))
        finally:
            unsubscribe()
            printer.close()
        self._finish(asked, answer)

    # -- waiting, asking a person, ending ----------------------------------------------

    def _saved(self, session: Session, answer: Answer) -> dict[str, str]:
        """Return the output that stays in the notebook."""
        made = _made_todos(answer.messages)
        todos = self._app.store.todos(session.info.client_id).todos if made else ()
        return bundle(_without_errors(answer) if answer.error else answer.messages, todos)

    def _wait(self, session: Session, question: Question) -> Answer:
        runtime = self._app.runtime
        pump = self._app.host.make_pump()
        try:
            return runtime.wait(
                runtime.submit(session.ask(question)),
                pump=pump[0] if pump else None,
                on_interrupt=lambda: void(runtime.submit(session.stop())),
            )
        except CancelledError:
            raise IpyClaudeError(
                "The turn was ended.",
                why="ipyclaude was unloaded while it ran.",
                fix="Load it with %load_ext ipyclaude, and ask again.",
            ) from None
        finally:
            if pump:
                pump[1]()

    def _cell_asker(self, session: Session, view: CellView) -> Asker:
        by_input = self._input_asker(session)

        async def ask(approval: Approval) -> None:
            try:
                await asyncio.wait_for(view.seen(), ACKNOWLEDGE_SECONDS)
            except asyncio.TimeoutError:
                await by_input(approval)

        return ask

    def _input_asker(self, session: Session, printer: Printer | None = None) -> Asker:
        async def ask(approval: Approval) -> None:
            if printer is not None:
                printer.pause()
            try:
                while not await self._replied(approval):
                    pass
            except Interrupted:
                return  # the turn is being stopped, and the question with it

        return ask

    async def _replied(self, approval: Approval) -> bool:
        """Ask the person once; say whether the question is answered."""
        app = self._app
        edit = None if app.host.is_kernel else edit_in_terminal
        reply = await asyncio.wrap_future(
            app.runtime.call_main(lambda: read_reply(approval, edit=edit))
        )
        try:
            await app.permissions.answer(
                approval,
                allow=reply.allow,
                scope=reply.scope,
                reason=reply.reason,
                edited=reply.edited,
            )
        except UsageMistake as error:  # a rule refuses what the person made of it
            words = str(error)
            await asyncio.wrap_future(app.runtime.call_main(lambda: print(words)))  # noqa: T201
            return False
        return True

    def _finish(self, asked: Asked, answer: Answer) -> None:
        if answer.error is not None:
            raise answer.error
        if answer.turn.status == "stopped":
            raise TurnStopped
        self._bind(asked, answer)

    def _bind(self, asked: Asked, answer: Answer) -> None:
        if not asked.output:
            return
        value: Any = answer.text
        if asked.schema:
            result = answer.turn.result
            value = result.structured_output if result else None
            if value is None:
                raise IpyClaudeError(
                    "Claude gave no structured answer.",
                    why="The answer did not fit the schema.",
                    fix="Simplify the schema, or ask again with --again.",
                )
        self._app.host.shell.user_ns[asked.output] = value


def void(_: object) -> None:
    """Drop a result that nobody needs."""


def _content(asked: Asked, namespace: dict[str, Any]) -> tuple[ContentBlock, ...]:
    prompt = expand(asked.prompt, namespace).strip()
    if not prompt:
        raise UsageMistake("The prompt is empty.", fix="Write what Claude should do.")
    blocks: list[ContentBlock] = [TextBlock(text=prompt)]
    blocks.extend(
        attachments.variable(name, attachments.lookup(name, namespace)) for name in asked.inputs
    )
    blocks.extend(attachments.file(path) for path in asked.files)
    blocks.extend(attachments.image(source, namespace) for source in asked.images)
    return tuple(blocks)


def _changes(asked: Asked, schema: dict[str, Any] | None) -> dict[str, Any]:
    wanted: dict[str, Any] = {
        "model": asked.model,
        "permission_mode": "plan" if asked.plan else None,
        "effort": asked.effort,
        "max_budget_usd": asked.max_budget,
        "output_schema": schema,
    }
    return {name: value for name, value in wanted.items() if value is not None}


def _with_asker(question: Question, asker: Asker | None) -> Question:
    return replace(question, ask=asker)


def _notice(session: Session, block: NoticeBlock) -> Message:
    return Message(session_id=session.info.client_id, type="system", content=(block,))


def _without_errors(answer: Answer) -> list[Message]:
    """Leave out the notice of an error that the cell raises anyway."""
    return [
        m
        for m in answer.messages
        if not any(isinstance(b, NoticeBlock) and b.level == "error" for b in m.content)
    ]


def _made_todos(messages: tuple[Message, ...]) -> bool:
    names = {getattr(b, "name", "") for m in messages for b in m.content}
    return bool(names & {"TodoWrite", "TaskCreate", "TaskUpdate"})


def _answer_of(messages: list[Message]) -> Answer:
    from .messages import ResultBlock
    from .protocol import TurnState

    result = next(
        (b for m in messages for b in m.content if isinstance(b, ResultBlock)), ResultBlock()
    )
    first = messages[0]
    turn = TurnState(
        turn_id=first.turn_id,
        status=result.outcome,
        started_at=first.timestamp,
        result=result,
        stored=True,
    )
    return Answer(turn, tuple(messages))
