"""`ClaudeChat`: what a person asks of a session from the widget.

Like every view it holds no state of its own: requests become calls of the session or the
desk, and what changes comes back as events.
"""

from __future__ import annotations

import asyncio
from typing import Any

from IPython.core.getipython import get_ipython

from . import protocol as p
from . import requests as r
from . import results, saved, suggesting
from .attachments import uploaded
from .channel import wire
from .desk import Desk
from .entrance import ChatAsking
from .exceptions import IpyClaudeError, SessionNotFound
from .exchange import Question
from .identity.accounts import NAME
from .identity.sign_in import Account
from .messages import ContentBlock, Message, TextBlock
from .notebook.masking import mask
from .permissions import shown
from .session import Session
from .widget import View


class ClaudeChat(View):
    """A chat with Claude: the session's messages, a composer, to-dos and the session list.

    Also made by `%claude_session chat`.

    Parameters
    ----------
    session
        Name or id of the session to show; the notebook's own where not given.
    desk
        What stands behind it; the loaded extension where not given.

    Raises
    ------
    SessionNotFound
        There is no such session, or the extension is not loaded.
    SessionBusy
        Somebody else has signed in here, and Claude still works for who was before.
    SettingsError, StoreError
        The extension starts with this, and a setting or the store's file cannot be used.
    """

    _kind = "chat"

    def __init__(self, session: str | None = None, *, desk: Desk | None = None) -> None:
        chosen = desk or _loaded_desk()
        super().__init__(chosen, chosen.session(session), kind=self._kind)
        self._unwatch = chosen.entrance.on_change(self._signed)
        #: The cell that shows this chat, under which the notebook's tools show too.
        self._parent = chosen.host.parent
        chosen.keep(self)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Add what a saved notebook shows where the widget's model is gone (S10)."""
        plain: Any = super()
        data, metadata = plain._repr_mimebundle_(**kwargs)
        session = self._session
        return {**data, **saved.of_chat(session.refresh() if session else None)}, metadata

    async def _on_prompt(self, request: r.Prompt) -> dict[str, str]:
        session = self._session or await self._open_new("")
        text = _words(request.text)
        content = (TextBlock(text=text), *map(self._uploaded, request.uploads))
        if not session.running:
            return self._ask(session, content)
        question = self._question(content)
        queue = self._desk.queue(session)
        queued_id = queue.add(question, text)
        if request.steer:
            await queue.tell_now(queued_id)
        return {"turn_id": question.turn_id}

    def _uploaded(self, upload: r.Upload) -> ContentBlock:
        block = uploaded(upload.name, upload.media_type, upload.data)
        if upload.media_type != r.CELL_TYPE or not isinstance(block, TextBlock):
            return block
        # What a cell shows was not looked through by whoever mentions it.
        return TextBlock(text=mask(block.text, self._desk.namespace))

    def _question(self, content: tuple[ContentBlock, ...]) -> Question:
        return Question(
            content=content, ask=shown, parent=self._parent, change_cells=self.hands.change
        )

    def _ask(self, session: Session, content: tuple[ContentBlock, ...]) -> dict[str, str]:
        session.check_may_ask()
        question = self._question(content)
        self._desk.runtime.submit(session.ask(question))
        return {"turn_id": question.turn_id}

    async def _on_unqueue(self, request: r.Unqueue) -> None:
        self._desk.queue(self._current()).remove(request.queued_id)

    async def _on_send_now(self, request: r.SendNow) -> None:
        await self._desk.queue(self._current()).send_now(request.queued_id)

    async def _on_tell_now(self, request: r.TellNow) -> None:
        await self._desk.queue(self._current()).tell_now(request.queued_id)

    async def _on_suggest(self, request: r.Suggest) -> dict[str, Any]:
        session = self._session
        if request.sign == "/":
            names = session.slash_commands if session else ()
            found = suggesting.commands(names, request.query)
        else:
            cwd = session.options.cwd if session else "."
            found = await asyncio.to_thread(
                suggesting.mentions,
                cwd,
                self._desk.namespace,
                request.query,
                self._desk.cells if request.cells else (),
            )
        return wire(results.SuggestResult(suggestions=tuple(found)))

    async def _on_resend(self, request: r.Resend) -> dict[str, str]:
        session = self._current()
        prompt, before = await asyncio.to_thread(self._prompt, session, request.turn)
        content = prompt.content
        if request.text is not None:
            typed = next((b for b in content if isinstance(b, TextBlock)), None)
            others = tuple(b for b in content if b is not typed)
            content = (TextBlock(text=_words(request.text)), *others)
        if request.fork:
            session = await (self._desk.fork(session, "", before) if before else self._desk.new(""))
            self._bind(session)
            self._snapshot()
        return self._ask(session, content)

    def _prompt(self, session: Session, turn_id: str) -> tuple[Message, str | None]:
        """Return a turn's stored prompt, and the id of the message before it."""
        store, session_id = self._desk.store, session.info.client_id
        turn = store.messages(session_id, turn_id=turn_id, limit=1000).messages
        prompt = next((message for message in turn if message.type == "user"), None)
        if prompt is None:
            raise SessionNotFound("This prompt is gone.", fix="Reload the page.")
        page = store.messages(session_id, before=prompt.client_id, limit=1)
        return prompt, page.messages[-1].client_id if page.messages else None

    async def _on_fork(self, request: r.Fork) -> None:
        chosen = request.session_id
        session = await self._desk.open(chosen) if chosen else self._current()
        self._bind(await self._desk.fork(session, request.name, request.at))
        self._snapshot()

    async def _on_find(self, request: r.Find) -> dict[str, Any]:
        session_id, limit = self._current().info.client_id, min(request.limit, 200)
        found = await asyncio.to_thread(
            self._desk.store.find,
            session_id,
            request.query,
            limit=limit,
            offset=max(request.offset, 0),
        )
        hits = [
            results.Found(
                id=each.message.client_id,
                type=each.message.type,
                timestamp=each.message.timestamp,
                snippet=each.snippet,
            )
            for each in found
        ]
        return wire(results.FindResult(found=tuple(hits)))

    async def _on_usage(self, request: r.Usage) -> dict[str, Any]:
        del request  # it says nothing more
        rows = await asyncio.to_thread(self._desk.store.usage, self._current().info.client_id)
        names = results.Used.model_fields
        days = (results.Used.model_validate({name: row[name] for name in names}) for row in rows)
        return wire(results.UsageResult(days=tuple(days)))

    async def _open_new(self, name: str) -> Session:
        session = await self._desk.new(name)
        self._bind(session)
        return session

    async def _on_sessions(self, request: r.ListSessions) -> dict[str, Any]:
        found = self._desk.store.sessions(
            request.query,
            archived=request.archived,
            limit=min(request.limit, 200),
            offset=request.offset,
        )
        current = self._session.info.client_id if self._session else None
        waiting = self._desk.waiting([each.client_id for each in found])
        result = results.SessionsResult(
            sessions=tuple(found),
            current=current,
            replicates=waiting is not None,
            waiting=waiting or {},
        )
        return wire(result)

    async def _on_open_session(self, request: r.OpenSession) -> None:
        self._bind(await self._desk.open(request.session_id))
        self._snapshot()

    async def _on_new_session(self, request: r.NewSession) -> None:
        await self._open_new(request.name)
        self._snapshot()

    async def _on_rename_session(self, request: r.RenameSession) -> None:
        if not request.name.strip():
            raise IpyClaudeError("A session needs a name.", fix="Write one.")
        self._desk.rename(request.session_id, request.name.strip())

    async def _on_archive_session(self, request: r.ArchiveSession) -> None:
        self._desk.archive(request.session_id, request.archived)

    async def _on_delete_session(self, request: r.DeleteSession) -> None:
        await self._desk.delete(request.session_id)
        if self._session is not None and self._session.info.client_id == request.session_id:
            self._unbind()
            self._snapshot()

    async def _on_sync_session(self, request: r.SyncSession) -> dict[str, Any]:
        del request  # it says nothing more
        session = self._current()
        await asyncio.to_thread(self._desk.sync_session, session)
        await self._desk.entrance.look()
        status = self._desk.status(session)
        self._channel.push([p.StatusChanged(status=status)])
        return wire(status)

    async def _on_share(self, request: r.Share) -> dict[str, Any]:
        return wire(await self._desk.share(request.session_id, request.role))

    async def _on_take_over(self, request: r.TakeOver) -> None:
        del request  # it says nothing more
        await self._desk.take_over(self._current())

    def _signed(self, who: p.Who) -> None:
        self._channel.push([p.WhoChanged(who=who)])

    def _make_snapshot(self, n: int) -> p.Snapshot:
        whole = super()._make_snapshot(n)
        return whole.model_copy(update={"who": self._desk.entrance.who})

    def close(self) -> None:
        """Close the comm and stop listening."""
        if hasattr(self, "_unwatch"):
            self._unwatch()
        super().close()

    async def _on_sign_in(self, request: r.SignIn) -> None:
        code, password = request.code.get_secret_value(), request.password.get_secret_value()
        typed = Account(request.email.strip(), password, code.strip())
        account = None if request.way else typed
        asking = ChatAsking(keep=request.keep, account=account)
        await self._desk.entrance.sign_in(request.way or NAME, asking)

    async def _on_mail_code(self, request: r.MailCode) -> None:
        await self._desk.entrance.mail_code(request.email.strip())

    async def _on_cancel_sign_in(self, request: r.CancelSignIn) -> None:
        del request  # it says nothing more
        await self._desk.entrance.cancel()

    async def _on_sign_out(self, request: r.SignOut) -> None:
        del request  # it says nothing more
        await self._desk.entrance.sign_out()

    async def _on_configure(self, request: r.Configure) -> dict[str, Any]:
        session = self._current()
        self._desk.configure(
            session, model=request.model, mode=request.permission_mode, effort=request.effort
        )
        status = self._desk.status(session)
        session.tell_status(status)  # to its other views, too
        return wire(status)


class ClaudeTodos(View):
    """Claude's to-do list alone, its states moving: to stand beside the work.

    Parameters
    ----------
    session
        Name or id of the session; the notebook's own where not given.
    desk
        What stands behind it; the loaded extension where not given.

    Raises
    ------
    SessionNotFound
        There is no such session, or the extension is not loaded.
    SessionBusy
        Somebody else has signed in here, and Claude still works for who was before.
    SettingsError, StoreError
        The extension starts with this, and a setting or the store's file cannot be used.
    """

    def __init__(self, session: str | None = None, *, desk: Desk | None = None) -> None:
        chosen = desk or _loaded_desk()
        super().__init__(chosen, chosen.session(session), kind="todos")
        chosen.keep(self)

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        """Add what a saved notebook shows where the widget's model is gone (S10)."""
        plain: Any = super()
        data, metadata = plain._repr_mimebundle_(**kwargs)
        info = self._session.refresh() if self._session else None
        todos = self._desk.store.todos(info.client_id).todos if info else ()
        return {**data, **saved.of_todos(info, todos)}, metadata

    def _wants(self, event: p.Event) -> bool:
        return isinstance(event, p.TodosReplaced)

    def _make_snapshot(self, n: int) -> p.Snapshot:
        whole = super()._make_snapshot(n)
        kept = {"n": n, "session": whole.session, "todos": whole.todos, "status": whole.status}
        return p.Snapshot.model_validate(kept)


def _words(text: str) -> str:
    if not text.strip():
        raise IpyClaudeError("The prompt is empty.", fix="Write what Claude should do.")
    return text.strip()


def _loaded_desk() -> Desk:
    shell: Any = get_ipython()
    magics = shell.magics_manager.registry.get("ClaudeMagics") if shell is not None else None
    if magics is None:
        raise SessionNotFound("ipyclaude is not loaded.", fix="Run %load_ext ipyclaude first.")
    return magics.open()
