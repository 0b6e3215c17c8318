"""Deployments for the tests, and tokens that they accept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from clients import Tokens
from convex_server import ConvexServer, Faults, deployed
from functions import SERVER, build_push
from labs import Labs
from machines import Machine, Make
from tokens import Issuer, MakeToken

from ipyclaude.messages import new_id
from ipyclaude.testing import ScriptedModel


@pytest.fixture(scope="session")
def issuer() -> Issuer:
    """The identity provider that the deployments trust."""
    return Issuer()


@pytest.fixture(scope="session")
def make_token(issuer: Issuer) -> MakeToken:
    """Sign tokens that the deployments accept."""
    return issuer.token


@pytest.fixture(scope="session")
def convex_session(issuer: Issuer) -> Iterator[ConvexServer]:
    """One deployment of the product's functions for the whole run."""
    with deployed(issuer) as server:
        yield server


@pytest.fixture
def convex(convex_session: ConvexServer) -> Iterator[ConvexServer]:
    """The product's deployment, without faults; each test has users of its own."""
    yield convex_session
    convex_session.faults.clear()


@pytest.fixture
def token(make_token: MakeToken) -> str:
    """A person of this test's own, who is nobody else's in the deployment."""
    return make_token(f"ada-{new_id()}")


@pytest.fixture
def make(convex: ConvexServer, token: str, tmp_path: Path) -> Make:
    """Make machines of that person, or of another who has a token."""

    def make(name: str, *, token: str = token, file: str = "store.db", **options: Any) -> Machine:
        return Machine(convex.url, token, tmp_path / name / file, **options)

    return make


@pytest.fixture
def labs(convex: ConvexServer, tmp_path: Path) -> Iterator[Labs]:
    """Where kernels are started that are signed in to the deployment; they end with the test."""
    labs = Labs(tmp_path, convex.url)
    yield labs
    labs.close()


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    """Plays Claude's part, with an empty script."""
    with ScriptedModel() as scripted:
        yield scripted


@pytest.fixture
def faults(convex: ConvexServer) -> Faults:
    """Faults of the product's deployment, forgotten after the test."""
    return convex.faults


@pytest.fixture(scope="session")
def sample_session(issuer: Issuer) -> Iterator[ConvexServer]:
    """One deployment of a few sample functions (server/sample) for the whole run."""
    with ConvexServer(issuer) as server:
        server.deploy(SERVER)
        yield server


@pytest.fixture(scope="session")
def sample_push(sample_session: ConvexServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The push of the sample functions, for servers that start with it."""
    return build_push(SERVER, tmp_path_factory.mktemp("push") / "sample.json")


@pytest.fixture
def sample(sample_session: ConvexServer) -> Iterator[ConvexServer]:
    """The sample deployment, without faults."""
    yield sample_session
    sample_session.faults.clear()


@pytest.fixture
def someone(make_token: MakeToken) -> Callable[[], Tokens]:
    """Make a token source of a user of this test alone."""
    name = f"u{new_id()}"
    return lambda: Tokens(make_token(name))


@pytest.fixture
def source(someone: Callable[[], Tokens]) -> Tokens:
    """A token source of a user of this test alone."""
    return someone()
