"""`ipyclaude deploy`: put the functions to which sessions replicate into a Convex deployment.

The functions come with ipyclaude. Convex's own CLI, installed by npm into a cache folder as
locked, bundles and pushes them. It learns of keys by its environment alone, and what it says is
shown without them (S6).
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .accounts import read_mail, set_accounts, set_mail
from .api_version import API_VERSION
from .deployment import (
    AUTH,
    SELF_HOSTED_URL,
    DeployFailed,
    Target,
    find_target,
    read_auth,
)
from .node import Node, find_node

#: Seconds that npm or the CLI may take.
PATIENCE = 600
MANIFEST = ("package.json", "package-lock.json")
CLI = "node_modules/convex/bin/main.js"
#: Where in its program the CLI broke off, which says nothing to a person.
_TRACE = re.compile(r"^\s+at |^\S+\.c?js:\d+$|^\s+throw |^\s+\^|^Node\.js v")

Say = Callable[[str], None]


# ---- the project -------------------------------------------------------------------------


@dataclass(frozen=True)
class Sources:
    """Where the functions are, and the folder of the npm package that deploys them."""

    functions: Path
    manifest: Path


def find_sources(package: Path = Path(__file__).parent) -> Sources:
    """Return the functions of the package, else those of the checkout around it.

    Raises
    ------
    DeployFailed
        There are neither.
    """
    checkout = package.parents[1] / "js"
    for functions, manifest in (
        (package / "convex/convex", package / "convex"),
        (checkout / "convex", checkout / "deploy"),
    ):
        if (functions / "schema.ts").is_file() and (manifest / MANIFEST[1]).is_file():
            return Sources(functions, manifest)
    raise DeployFailed(
        "The functions are not here.",
        why=f"They belong into {package / 'convex'}.",
        fix="Reinstall ipyclaude.",
    )


@contextmanager
def open_project(
    sources: Sources, cache: Path, install: Callable[[Path], None]
) -> Generator[Path, None, None]:
    """Lend a Convex project: a copy of the functions beside the modules that they need.

    The modules stay in `cache`, in a folder named after the lock; `install` fills a new one.
    """
    lock = hashlib.sha256((sources.manifest / MANIFEST[1]).read_bytes()).hexdigest()
    modules = cache / f"convex-{lock[:16]}"
    cache.mkdir(parents=True, exist_ok=True)
    if not (modules / CLI).is_file():
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            made = Path(folder) / "made"
            made.mkdir()
            _copy_manifest(sources, made)
            install(made)
            # As a whole, so that an interrupted one is never used; one without the CLI is broken.
            shutil.rmtree(modules, ignore_errors=True)
            made.rename(modules)
    with tempfile.TemporaryDirectory(dir=modules, prefix="deploy-") as folder:
        _copy_manifest(sources, Path(folder))
        ignored = shutil.ignore_patterns("_generated")
        shutil.copytree(sources.functions, Path(folder) / "convex", ignore=ignored)
        yield Path(folder)


def _copy_manifest(sources: Sources, folder: Path) -> None:
    for name in MANIFEST:
        shutil.copyfile(sources.manifest / name, folder / name)


# ---- the CLI -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Cli:
    """Convex's own CLI, in a project, with a deployment to work on."""

    node: Node
    project: Path
    target: Target
    env: Mapping[str, str] = field(repr=False)

    def run(self, *words: str, stdin: str = "") -> str:
        """Run it and return what it prints.

        Raises
        ------
        DeployFailed
            It failed; the error holds the end of what it said, without keys.
        """
        main = self.project.parent / CLI
        done = _run([*self.node.node, str(main), *words], self.project, self._variables(), stdin)
        if done.returncode:
            said = self.target.scrub(f"{done.stdout}\n{done.stderr}")
            raise DeployFailed(
                f"Convex's CLI could not deploy to {self.target.name}.",
                why=f"`convex {' '.join(words)}` said:\n{_tail(said)}",
                fix="Check that the key is this deployment's and has not been revoked.",
            )
        return done.stdout

    def _variables(self) -> dict[str, str]:
        # CI means: ask nothing.
        return self.node.environment({**self.env, **self.target.variables, "CI": "1"})


def install_modules(node: Node, env: Mapping[str, str]) -> Callable[[Path], None]:
    """Return what installs the modules into a folder, as locked there."""

    def install(folder: Path) -> None:
        # Not `npm ci`: it refuses a lock that lacks another platform's optional package, which
        # a partial mirror leaves out.
        words = ["install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = _run([*node.npm, *words], folder, node.environment(env))
        if done.returncode:
            raise DeployFailed(
                "Convex's CLI could not be installed.",
                why=f"`npm install` said:\n{_tail(done.stdout + done.stderr)}",
                fix="npm needs its registry, or a mirror of it: npm config set registry URL.",
            )

    return install


def _run(
    command: list[str], folder: Path, env: Mapping[str, str], stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603 - Node, with the words above
            command,
            cwd=folder,
            env=dict(env),
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DeployFailed(
            f"{Path(command[0]).name} took more than {PATIENCE} s.",
            fix="Check the network, and try again.",
        ) from error
    except OSError as error:
        raise DeployFailed(
            f"{command[0]} could not be started.",
            why=str(error),
            fix="Run: pip install --force-reinstall 'ipyclaude[deploy]'",
        ) from error


def _tail(text: str, lines: int = 20) -> str:
    said = [line for line in text.splitlines() if line.strip() and not _TRACE.search(line)]
    return "\n".join(said[-lines:])


# ---- the whole ---------------------------------------------------------------------------


def deploy(env: Mapping[str, str], cache: Path, say: Say, *, accounts: bool = False) -> None:
    """Deploy the functions to the deployment that an environment names.

    Parameters
    ----------
    env
        `CONVEX_DEPLOY_KEY`, or `CONVEX_SELF_HOSTED_URL` and `CONVEX_SELF_HOSTED_ADMIN_KEY`;
        `IPYCLAUDE_AUTH` and `IPYCLAUDE_MAIL_…` are set in the deployment where they are given.
    cache
        Takes Convex's CLI, once per version.
    say
        Told what is being done.
    accounts
        Let the deployment have accounts of its own; once it has, it keeps them.

    Raises
    ------
    DeployFailed
        With what to do.
    NodeMissing
        There is no Node.
    """
    auth, mail = read_auth(env), read_mail(env)
    with open_cli(env, cache, say) as cli:
        say(f"Deploying to {cli.target.name} …")
        has_accounts = set_accounts(cli, say, wanted=accounts)
        set_auth(cli, auth, say, has_accounts=has_accounts)
        set_mail(cli, mail, say)
        # The types were checked when ipyclaude was built.
        cli.run("deploy", "-y", "--typecheck", "disable")
        url, count = read_spec(cli.run("function-spec"))
    say(
        f"Deployed {count} functions (interface version {API_VERSION}) to {url}.\n"
        f"On the notebook servers set CONVEX_URL={url}"
    )


@contextmanager
def open_cli(env: Mapping[str, str], cache: Path, say: Say) -> Generator[Cli, None, None]:
    """Lend Convex's CLI for the deployment that an environment names.

    Raises
    ------
    DeployFailed
        None is named, or it does not answer.
    NodeMissing
        There is no Node.
    """
    target, sources, node = find_target(env), find_sources(), find_node(env)
    _check_reachable(target)
    # Keys are not npm's business, and another project's variables must not lead the CLI elsewhere.
    env = {name: value for name, value in env.items() if not name.startswith("CONVEX_")}
    installing = install_modules(node, env)

    def install(folder: Path) -> None:
        say("Installing Convex's CLI …")
        installing(folder)

    with open_project(sources, cache, install) as project:
        yield Cli(node, project, target, env)


def read_spec(text: str) -> tuple[str, int]:
    """Read the CLI's list of functions: the deployment's URL, and how many clients may call.

    Raises
    ------
    DeployFailed
        It is not such a list.
    """
    try:
        spec: Any = json.loads(text)
        kinds = [each["visibility"]["kind"] for each in spec["functions"]]
        return str(spec["url"]), kinds.count("public")
    except (ValueError, LookupError, TypeError) as error:
        raise DeployFailed(
            "The functions were pushed, but not listed afterwards.",
            why=f"`convex function-spec` said:\n{_tail(text)}",
            fix="Look at the deployment's dashboard.",
        ) from error


def set_auth(cli: Cli, auth: str | None, say: Say, *, has_accounts: bool) -> None:
    """Set who may sign in; where nothing is given nor set yet, nobody may.

    It comes before the functions, since Convex refuses an auth.config.ts that reads a variable
    which is not set.
    """
    if auth is not None:
        cli.run("env", "set", AUTH, stdin=auth)
        count = len(json.loads(auth))
        say(f"Set {AUTH}: {count} provider{'' if count == 1 else 's'}.")
    elif AUTH not in cli.run("env", "list", "--names-only").split():
        cli.run("env", "set", AUTH, stdin="[]")
        if not has_accounts:
            say(f"Nobody can sign in yet: set {AUTH} to the list of providers, and deploy again.")


def _check_reachable(target: Target) -> None:
    if target.url is None:
        return
    import httpx

    try:
        httpx.get(f"{target.url.rstrip('/')}/version", timeout=20)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise DeployFailed(
            f"{target.url} does not answer.",
            why=str(error),
            fix=f"Start the server, or correct {SELF_HOSTED_URL}.",
        ) from error


def cache_folder() -> Path:
    """Return where Convex's CLI is kept."""
    from platformdirs import user_cache_path

    return user_cache_path("ipyclaude", appauthor=False) / "deploy"


def say(text: str) -> None:
    """Tell a person at a terminal."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def main(*, accounts: bool = False) -> int:
    """Deploy as the process's environment says."""
    deploy(os.environ, cache_folder(), say, accounts=accounts)
    return 0
