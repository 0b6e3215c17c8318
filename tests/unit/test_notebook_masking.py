"""What is secret is masked, and what only looks odd is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from ipyclaude.notebook.masking import MASK, mask

_SECRETS = {
    "a password in code": ('password = "hunter2isgood"', "hunter2isgood"),
    "a password in a dict": ("{'password': 'tr0ub4dor&3', 'user': 'x'}", "tr0ub4dor&3"),
    "a token": ("token: 'abcd1234efgh5678'", "abcd1234efgh5678"),
    "an Anthropic key": (f"key is sk-ant-api03-{'aB3' * 12}.", f"sk-ant-api03-{'aB3' * 12}"),
    "an OpenAI key": (f"sk-proj-{'xY9_' * 10}", f"sk-proj-{'xY9_' * 10}"),
    "a GitHub token": (f"ghp_{'aZ8' * 12}", f"ghp_{'aZ8' * 12}"),
    "an AWS key": ("id AKIAIOSFODNN7EXAMPLQ", "AKIAIOSFODNN7EXAMPLQ"),
    "an AWS secret": (
        "AWS_SECRET=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ),
    "an address with a password": ("postgres://user:s3cretpw@db/x", "s3cretpw"),
    "a JWT": ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jV", "dozjgNryP4J3jV"),
    "a bearer": ("Authorization: Bearer abcdef1234567890", "abcdef1234567890"),
    "a private key": (
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nqhkiG9\n-----END RSA PRIVATE KEY-----",
        "qhkiG9",
    ),
}


@pytest.mark.parametrize("kind", _SECRETS)
def test_secrets_are_masked(kind: str) -> None:
    """No part that matters is left, and what stands around it is (S6)."""
    text, secret = _SECRETS[kind]
    shown = mask(f"before {text}\nafter")
    assert secret not in shown
    assert MASK in shown
    assert shown.startswith("before ")


@pytest.mark.parametrize(
    "text",
    [
        "the hash is 5d41402abc4b2a76b9719d911017c592",
        "api_key = os.environ['K']",
        "secret_token = make_token(user)",
        "passwords = df['password']",
        "tokens: 31000",
        "key = lambda x: x.name",
        "0  10.0.0.1  550e8400-e29b-41d4-a716-446655440000",
        "x" * 100_000,
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    """Hashes, ids, addresses and code that only speaks of secrets are told as they are."""
    assert mask(text) == text


def test_values_of_the_environment_are_masked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A variable whose name says so, and all of .env, are known by their values."""
    monkeypatch.setenv("SERVICE_TOKEN", "plain words here")
    monkeypatch.setenv("SERVICE_COLOUR", "turquoise")
    (tmp_path / ".env").write_text("# none\nexport DATABASE='sqlite secret'\nSHORT=ab\n")
    shown = mask("plain words here, turquoise, sqlite secret, ab", folder=str(tmp_path))
    assert shown == f"{MASK}, turquoise, {MASK}, ab"


def test_values_of_variables_are_masked() -> None:
    """What the user keeps under a name such as `db_password` is masked where it is printed too."""
    namespace = {"db_password": "open sesame", "key": "height", "api_key": 3}
    assert mask("open sesame, height, 3", namespace) == f"{MASK}, height, 3"
