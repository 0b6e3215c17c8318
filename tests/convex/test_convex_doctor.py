"""`ipyclaude doctor` on a deployment: what is wrong is found, and it says what to do."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from convex_server import ConvexServer
from functions import of_version
from ports import free_port
from tokens import MakeToken

from ipyclaude import cloud_checks, doctor
from ipyclaude.api_version import API_VERSION
from ipyclaude.messages import new_id
from ipyclaude.settings import IPyClaude


def check(url: str, token: str = "") -> dict[str, doctor.Finding]:
    """Check a deployment with a token in the environment, as the command does."""
    settings = IPyClaude(convex_url=url)
    env = {"CONVEX_AUTH_TOKEN": token} if token else {}
    return {found.subject: found for found in cloud_checks.check_convex(settings, env)}


def test_all_is_well(convex: ConvexServer, make_token: MakeToken) -> None:
    """Address, sign-in, functions, connection and clock are each found in order."""
    found = check(convex.url, make_token(f"u{new_id()}", email="ada@example.org"))
    assert list(found) == ["Convex", "Sign-in", "Functions", "Live", "Clock"]
    assert [each for each in found.values() if not each.ok] == []
    # A second time she is somebody who was there.
    assert "0." in found["Clock"].found


def test_unset_means_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an address nobody is asked anything, and that is no fault."""

    def never(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "socket", never)
    assert check("")["Convex"].ok


def test_nothing_answers() -> None:
    """An address at which nothing answers is told as that, and the rest is not asked."""
    found = check(f"http://127.0.0.1:{free_port()}", "x")
    assert list(found) == ["Convex"]
    assert "Nothing answers" in found["Convex"].found
    assert "network" in found["Convex"].fix


def test_no_address(convex: ConvexServer) -> None:
    """What is no address says how one looks."""
    assert "happy-animal" in check("my-deployment")["Convex"].fix
    del convex


def test_our_functions_are_not_there(sample: ConvexServer) -> None:
    """A deployment of something else is told apart, and the cure named."""
    found = check(sample.url, "x")
    assert "ipyclaude deploy" in found["Convex"].fix


def test_who_is_not_signed_in(convex: ConvexServer, make_token: MakeToken) -> None:
    """No token, a token that ran out and one that is none each say how to sign in (S6)."""
    assert "login" in check(convex.url)["Sign-in"].fix
    old = make_token("ada", expires_in=-60)
    for token in (old, "not-a-token"):
        found = check(convex.url, token)["Sign-in"]
        assert "CONVEX_AUTH_TOKEN" in found.fix
        assert token not in found.found


@pytest.fixture
def newer(convex: ConvexServer, tmp_path: Path) -> Iterator[ConvexServer]:
    """A deployment whose functions are of a newer version."""
    with ConvexServer(convex.issuer) as server:
        server.deploy(of_version(API_VERSION + 1, tmp_path))
        yield server


def test_functions_of_another_version(newer: ConvexServer) -> None:
    """Newer functions ask for a newer ipyclaude; older ones to be deployed."""
    found = check(newer.url, newer.issuer.token("ada"))
    assert list(found) == ["Convex", "Sign-in", "Functions"]
    assert "pip install --upgrade" in found["Functions"].fix
    assert "ipyclaude deploy" in cloud_checks.compare(0).fix


@pytest.mark.parametrize(("ahead", "side"), [(90.0, "ahead of"), (-90.0, "behind")])
def test_a_wrong_clock_is_told(ahead: float, side: str) -> None:
    """A clock that makes tokens invalid says by how much, which way, and what to do."""
    found = cloud_checks.compare_clocks(ahead)
    assert f"90.0 s {side}" in found.found
    assert "NTP" in found.fix
    assert cloud_checks.compare_clocks(ahead / 60).ok
