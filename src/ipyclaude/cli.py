"""The command line: `ipyclaude demo | import | deploy | accounts | doctor | hub`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import __version__
from .exceptions import IpyClaudeError
from .hub import cli as hub
from .seen import visible


def _demo(options: argparse.Namespace) -> int:
    from .demo import main as run

    return run(check=options.check, script=options.script)


def _import(options: argparse.Namespace) -> int:
    from .engines import make_transcripts
    from .homes import store_path
    from .importing import import_and_tell, terminal_bar
    from .settings import IPyClaude
    from .store.sqlite import SqliteStore

    paths = [Path(path).expanduser() for path in options.paths] or None
    store = SqliteStore(store_path(IPyClaude.load()))
    try:
        with terminal_bar() as bar:
            report = import_and_tell(store, make_transcripts(store), paths, bar, every=options.all)
    finally:
        store.close()
    sys.stdout.write(f"{report}\n")
    return 0


def _deploy(options: argparse.Namespace) -> int:
    from .deploy import main as run

    return run(accounts=options.accounts)


def _add_account(options: argparse.Namespace) -> int:
    from .accounts import add

    return add(options.email, options.name)


def _remove_account(options: argparse.Namespace) -> int:
    from .accounts import remove

    return remove(options.email)


def _doctor(_: argparse.Namespace) -> int:
    from .doctor import main as run

    return run()


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="ipyclaude", description="Claude in your notebook, and your sessions follow you."
    )
    parser.add_argument("--version", action="version", version=f"ipyclaude {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    demo = commands.add_parser("demo", help="open JupyterLab on the quickstart notebook")
    demo.add_argument(
        "--check", action="store_true", help="run it without a screen and check the answers"
    )
    demo.add_argument(
        "--script", action="store_true", help="let the built-in script answer, login or not"
    )
    demo.set_defaults(run=_demo)

    history = commands.add_parser("import", help="read Claude Code's own history into the store")
    history.add_argument(
        "paths", nargs="*", metavar="PATH", help="a .jsonl file, or a folder of them"
    )
    history.add_argument(
        "--all", action="store_true", help="all projects, not only the working folder's"
    )
    history.set_defaults(run=_import)

    deploy = commands.add_parser(
        "deploy",
        help="put the functions to which sessions replicate into a Convex deployment",
        description="Deploys to Convex cloud (CONVEX_DEPLOY_KEY), or to a server of your own"
        " (CONVEX_SELF_HOSTED_URL, CONVEX_SELF_HOSTED_ADMIN_KEY). Where IPYCLAUDE_AUTH is set, a"
        " JSON list of providers, it becomes who may sign in there.",
    )
    deploy.add_argument(
        "--accounts", action="store_true", help="let it have accounts of its own (e-mail, password)"
    )
    deploy.set_defaults(run=_deploy)
    _add_accounts(commands)

    doctor = commands.add_parser(
        "doctor", help="check what a prompt and replication need, and say what to do"
    )
    doctor.set_defaults(run=_doctor)

    hub.add_commands(commands)
    return parser


def _add_accounts(commands: Any) -> None:
    accounts = commands.add_parser(
        "accounts",
        help="who has an account of the deployment",
        description="Needs the deployment's key, as `ipyclaude deploy` does.",
    )
    doing = accounts.add_subparsers(required=True, metavar="COMMAND")
    add = doing.add_parser("add", help="print a code by which somebody signs in, or again")
    add.add_argument("email", metavar="EMAIL")
    add.add_argument("--name", help="what others call them")
    add.set_defaults(run=_add_account)
    remove = doing.add_parser("remove", help="remove somebody's account, not their sessions")
    remove.add_argument("email", metavar="EMAIL")
    remove.set_defaults(run=_remove_account)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code: 0 all right, 1 a problem, 2 a wrong option."""
    options = make_parser().parse_args(argv)
    try:
        return options.run(options)
    except IpyClaudeError as error:
        lines = [
            error.what,
            error.why and f"  Why: {error.why}",
            error.fix and f"  Do:  {error.fix}",
        ]
        sys.stderr.write(visible("\n".join(line for line in lines if line)) + "\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
