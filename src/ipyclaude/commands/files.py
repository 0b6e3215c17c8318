"""Subcommands that write sessions to files and read Claude Code's own history."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..exporting import export
from ..extension import App
from ..output import Output
from ..tables import show_text, text_bundle
from .registry import arg, command, my_name, whole


@command(
    "export",
    "write a session to a file",
    arg("name", metavar="NAME"),
    arg("file", metavar="FILE.{md,html,ipynb,jsonl}"),
    arg("--force", action="store_true", help="replace the file"),
    session=True,
)
def _export(app: App, args: argparse.Namespace) -> None:
    info = whole(app, app.sessions.find(args.name))
    path = export(app.store, info, args.file, force=args.force, me=my_name(app))
    show_text(f"Written to {path}.")


@command(
    "import",
    "read Claude Code's own history; it is never changed",
    arg("path", nargs="?", metavar="PATH"),
    arg("--all", action="store_true", help="of all projects"),
)
def _import(app: App, args: argparse.Namespace) -> None:
    from ..importing import import_and_tell, notebook_bar, terminal_bar

    paths = [Path(args.path).expanduser()] if args.path else None
    if app.host.is_kernel:
        output = Output()
        bar = notebook_bar(output)
        output.replace(
            text_bundle(import_and_tell(app.store, app.transcripts, paths, bar, every=args.all))
        )
        return
    with terminal_bar() as bar:
        report = import_and_tell(app.store, app.transcripts, paths, bar, every=args.all)
    show_text(report)
