"""`ipyclaude deploy`, from a wheel, with Convex's own CLI, onto a deployment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from convex_server import ADMIN_KEY, ConvexServer, Refused
from hatch import ROOT
from tokens import Issuer

from ipyclaude.accounts import MAIL
from ipyclaude.api_version import API_VERSION
from ipyclaude.codes import plain
from ipyclaude.node import find_node

#: Where the machine may name a mirror of npm's registry; each test has another home.
NPMRC = Path.home() / ".npmrc"
SECRET = ADMIN_KEY.partition("|")[2]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the wheel holds, and nothing of the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=300)
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "package")
    return folder / "package"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person's home, which keeps the CLI from one deploy to the next."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def server() -> Iterator[ConvexServer]:
    """A deployment that has nothing yet, not even a variable."""
    with ConvexServer(Issuer()) as server:
        for name in ("IPYCLAUDE_AUTH", "IPYCLAUDE_ACCOUNTS", "IPYCLAUDE_ACCOUNTS_KEY"):
            server.cli("env", "remove", name)
        yield server


def run_deploy(
    package: Path,
    home: Path,
    server: ConvexServer,
    words: Sequence[str] = ("deploy",),
    **more: str,
) -> subprocess.CompletedProcess[str]:
    """Run `ipyclaude deploy` where there is no Node but the wheel's, and no checkout."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CONVEX_", "IPYCLAUDE_"))}
    env = {
        **kept,
        "NPM_CONFIG_USERCONFIG": os.environ.get("NPM_CONFIG_USERCONFIG", str(NPMRC)),
        "PATH": str(home),
        "HOME": str(home),
        "PYTHONPATH": str(package),
        "CONVEX_SELF_HOSTED_URL": server.url,
        "CONVEX_SELF_HOSTED_ADMIN_KEY": server.admin_key,
        "CONVEX_DEPLOYMENT": "dev:another-project-9",
        **more,
    }
    command = [sys.executable, "-m", "ipyclaude.cli", *words]
    done = subprocess.run(
        command, cwd=home, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    assert SECRET not in done.stdout + done.stderr
    return done


def test_deploys_from_a_wheel(package: Path, home: Path, server: ConvexServer) -> None:
    """With no checkout and no Node, the functions and who may sign in reach the deployment."""
    auth = json.dumps([server.issuer.provider()])
    done = run_deploy(package, home, server, IPYCLAUDE_AUTH=auth)
    assert done.returncode == 0, done.stderr
    count = len([f for f in server.function_spec() if f["visibility"]["kind"] == "public"])
    assert (
        f"Deployed {count} functions (interface version {API_VERSION}) to {server.url}."
        in done.stdout
    )
    assert "Set IPYCLAUDE_AUTH: 1 provider." in done.stdout
    me = server.call(
        "mutation", "users:ensure", {"api": float(API_VERSION)}, token=server.issuer.token("ada")
    )
    assert me["tokenIdentifier"] == f"{server.issuer.url}|ada"


def test_deploys_again(package: Path, home: Path, server: ConvexServer) -> None:
    """Without providers nobody can sign in, which is said; later those that are set stay."""
    first = run_deploy(package, home, server)
    assert "Nobody can sign in yet" in first.stdout
    assert server.cli("env", "get", "IPYCLAUDE_AUTH").strip() == "[]"
    server.trust(server.issuer)
    again = run_deploy(package, home, server)
    assert again.returncode == 0, again.stderr
    assert "IPYCLAUDE_AUTH" not in again.stdout
    assert "Installing" not in again.stdout
    assert server.cli("env", "get", "IPYCLAUDE_AUTH").strip() != "[]"


def test_accounts_of_its_own(package: Path, home: Path, server: ConvexServer) -> None:
    """Wanted once, they stay: a key is made in the deployment, codes are made by a command or
    mailed, and neither a later deploy nor a new key makes anybody somebody else.
    """

    def has() -> set[str]:
        return set(server.cli("env", "list", "--names-only").split())

    run_deploy(package, home, server)
    assert "IPYCLAUDE_ACCOUNTS_KEY" not in has()
    assert server.cli("env", "get", "IPYCLAUDE_ACCOUNTS").strip() == "[]"
    run_deploy(package, home, server, ("deploy", "--accounts"))
    key = server.cli("env", "get", "IPYCLAUDE_ACCOUNTS_KEY")
    added = run_deploy(package, home, server, ("accounts", "add", "ada@example.test"))
    code = next(line for line in added.stdout.splitlines() if line.count("-") == 5)
    given = {
        "email": "ada@example.test",
        "code": plain(code),
        "password": "correct horse",
        "api": API_VERSION,
    }
    signed = server.call("action", "accounts:redeem", given)
    ada = server.call("mutation", "users:ensure", {"api": API_VERSION}, token=signed["token"])
    server.cli("env", "remove", "IPYCLAUDE_ACCOUNTS_KEY")
    mail = dict(
        zip(MAIL, ("https://mail.test/emails", "re_secret", "ada@example.test"), strict=True)
    )
    again = run_deploy(package, home, server, ("deploy", "--accounts"), **mail)
    for done in (added, again):
        assert done.returncode == 0, done.stderr
        assert "PRIVATE KEY" not in done.stdout + done.stderr
        assert "re_secret" not in done.stdout + done.stderr
    assert {name: server.cli("env", "get", name).strip() for name in MAIL} == mail
    assert server.cli("env", "get", "IPYCLAUDE_ACCOUNTS_KEY") != key
    with pytest.raises(Refused):
        server.call("mutation", "users:ensure", {"api": API_VERSION}, token=signed["token"])
    later = {"refreshToken": signed["refreshToken"], "api": API_VERSION}
    newer = server.call("action", "accounts:refresh", later)
    same = server.call("mutation", "users:ensure", {"api": API_VERSION}, token=newer["token"])
    assert same["userId"] == ada["userId"]
    removed = run_deploy(package, home, server, ("accounts", "remove", "ada@example.test"))
    assert "has no account any more" in removed.stdout


def test_deploys_to_the_cloud_with_a_deploy_key(
    package: Path, home: Path, server: ConvexServer, tmp_path: Path
) -> None:
    """With `CONVEX_DEPLOY_KEY` the CLI asks Convex's own service, whose part is played here, which
    deployment the key is of; the functions reach that one."""
    with provision_host(server.url) as (address, asked):
        # Convex's own developers point the CLI elsewhere so; what we deploy with drops it.
        wrap_node(tmp_path, home, f"export CONVEX_PROVISION_HOST={address}")
        done = run_deploy(
            package,
            home,
            server,
            PATH=str(tmp_path),
            CONVEX_DEPLOY_KEY=server.admin_key,
            CONVEX_SELF_HOSTED_URL="",
            CONVEX_SELF_HOSTED_ADMIN_KEY="",
        )
    assert done.returncode == 0, done.stderr
    assert "Deploying to ipyclaude-test …" in done.stdout
    assert f"to {server.url}." in done.stdout
    assert server.function_spec()
    assert {body["deployKey"] for body in asked} == {server.admin_key}


def wrap_node(folder: Path, home: Path, line: str) -> None:
    """Put a `node` and an `npm` into a folder that run a line of shell before the real ones."""
    real = find_node({"PATH": str(home)})
    for name, words in (("node", real.node), ("npm", real.npm)):
        (folder / name).write_text(f'#!/bin/sh\n{line}\nexec {" ".join(words)} "$@"\n')
        (folder / name).chmod(0o755)


@contextmanager
def provision_host(url: str) -> Generator[tuple[str, list[Any]], None, None]:
    """Play the service of Convex cloud that knows deployments by their keys."""
    asked: list[Any] = []
    answers = {
        "/api/deployment/url_for_key": url,
        "/api/deployment/team_and_project_for_key": {
            "team": "t", "project": "p", "teamId": 1, "projectId": 1,
            "reference": None, "isDefault": True,
        },
    }  # fmt: skip

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            answer = answers.get(self.path)
            self.send_response(404 if answer is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as service:
        threading.Thread(target=service.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{service.server_port}", asked
        service.shutdown()


def test_a_wrong_key_is_told(package: Path, home: Path, server: ConvexServer) -> None:
    """A key that the server doesn't take is told in words, without the key (S6, S14)."""
    wrong = "ipyclaude-test|fedcba9876543210"
    done = run_deploy(package, home, server, CONVEX_SELF_HOSTED_ADMIN_KEY=wrong)
    assert done.returncode == 1
    assert "deploy key was invalid" in done.stderr
    assert "Do:  Check that the key is this deployment's" in done.stderr
    assert "fedcba9876543210" not in done.stdout + done.stderr
    assert "    at " not in done.stderr


def test_no_key_is_kept(package: Path, home: Path, server: ConvexServer, tmp_path: Path) -> None:
    """No file of the person's home has the key afterwards, and the CLI got it by no option (S6)."""
    log = tmp_path / "words"
    wrap_node(tmp_path, home, f'echo "$@" >> {log}')
    done = run_deploy(package, home, server, PATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "deploy -y" in log.read_text()
    assert SECRET not in log.read_text()
    key = ADMIN_KEY.encode()
    assert [p for p in home.rglob("*") if p.is_file() and key in p.read_bytes()] == []
