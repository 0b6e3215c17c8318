"""Tokens of every kind of provider that Convex takes, verified as Convex does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from convex_server import ConvexServer, Refused
from tokens import AUDIENCE, Issuer


@pytest.fixture(scope="module")
def web() -> Iterator[dict[str, object]]:
    """A web server; what is put into the dict is served as JSON by its path."""
    pages: dict[str, object] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = pages.get(self.path)
            self.send_response(404 if found is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps(found).encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    pages["url"] = f"http://127.0.0.1:{server.server_port}"
    yield pages
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def server(sample_push: Path) -> Iterator[ConvexServer]:
    """A deployment whose providers are changed."""
    with ConvexServer(push=sample_push) as one:
        yield one


def who(server: ConvexServer, token: str) -> str:
    """Return who the deployment takes the caller for."""
    return server.call("query", "items:whoami", token=token)["tokenIdentifier"]


def test_a_key_set_at_an_address(server: ConvexServer, web: dict[str, object]) -> None:
    """`jwks` may be a URL."""
    issuer = Issuer("https://by-url.test")
    web["/keys"] = issuer.jwks()
    provider = {**issuer.provider(), "jwks": f"{web['url']}/keys"}
    server.set_env({"IPYCLAUDE_AUTH": json.dumps([provider])})
    assert who(server, issuer.token("ada")) == "https://by-url.test|ada"


def test_openid_connect(server: ConvexServer, web: dict[str, object]) -> None:
    """`domain` names an issuer whose keys are found by discovery; its tokens are RS256."""
    url = str(web["url"])
    issuer = Issuer(url, algorithm="RS256")
    web["/.well-known/openid-configuration"] = {"issuer": url, "jwks_uri": f"{url}/certs"}
    web["/certs"] = issuer.jwks()
    provider = {"domain": url, "applicationID": AUDIENCE}
    server.set_env({"IPYCLAUDE_AUTH": json.dumps([provider])})
    assert who(server, issuer.token("ada")) == f"{url}|ada"


def test_an_algorithm_that_is_not_the_provider_s(server: ConvexServer) -> None:
    """A token must be signed as the provider is said to sign."""
    issuer = Issuer("https://rsa.test", algorithm="RS256")
    server.set_env({"IPYCLAUDE_AUTH": json.dumps([{**issuer.provider(), "algorithm": "ES256"}])})
    with pytest.raises(Refused):
        who(server, issuer.token("ada"))
    server.trust(issuer)
    assert who(server, issuer.token("ada")) == "https://rsa.test|ada"


def test_a_provider_without_an_application(server: ConvexServer) -> None:
    """`aud` is looked at only where the provider has an applicationID."""
    issuer = Issuer("https://any.test")
    provider = {name: text for name, text in issuer.provider().items() if name != "applicationID"}
    server.set_env({"IPYCLAUDE_AUTH": json.dumps([provider])})
    assert who(server, issuer.token("ada", aud=None)) == "https://any.test|ada"


@pytest.mark.parametrize("name", ["kid", "typ"])
def test_a_header_says_kid_and_typ(name: str, server: ConvexServer) -> None:
    """Convex refuses a token of a custom provider whose header lacks one."""
    server.trust(server.issuer)
    assert who(server, server.issuer.token("ada"))
    with pytest.raises(Refused):
        who(server, server.issuer.token("ada", headers={name: None}))


WITHOUT: dict[str, Callable[[Issuer], str]] = {
    "sub": lambda issuer: issuer.token(None),
    "iss": lambda issuer: issuer.token("ada", iss=None),
    "exp": lambda issuer: issuer.token("ada", exp=None),
    "iat": lambda issuer: issuer.token("ada", iat=None),
}


@pytest.mark.parametrize("claim", WITHOUT)
def test_claims_that_must_be_there(claim: str, server: ConvexServer) -> None:
    """A token without one of them is refused."""
    server.trust(server.issuer)
    with pytest.raises(Refused):
        who(server, WITHOUT[claim](server.issuer))
