"""Deployments for the tests, and tokens that they accept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from convex_server import SERVER, ConvexServer, Faults, build_push, deployed
from tokens import Issuer, MakeToken


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
