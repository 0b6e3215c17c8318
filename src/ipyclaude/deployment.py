"""Which Convex deployment is meant, and who may sign in to it, as the environment says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .exceptions import IpyClaudeError

DEPLOY_KEY = "CONVEX_DEPLOY_KEY"
SELF_HOSTED_URL = "CONVEX_SELF_HOSTED_URL"
SELF_HOSTED_KEY = "CONVEX_SELF_HOSTED_ADMIN_KEY"
#: Who may sign in: a JSON list of providers, as Convex's auth.config.ts has them.
AUTH = "IPYCLAUDE_AUTH"
#: Bytes that Convex lets a variable have.
AUTH_LIMIT = 8 * 1024


class DeployFailed(IpyClaudeError):
    """The functions could not be deployed."""


@dataclass(frozen=True)
class Target:
    """A deployment: its name for a person, and the variables by which the CLI finds it."""

    name: str
    variables: Mapping[str, str] = field(repr=False)

    @property
    def url(self) -> str | None:
        """Where a self-hosted deployment is."""
        return self.variables.get(SELF_HOSTED_URL)

    def scrub(self, text: str) -> str:
        """Return a text without the keys, whole or the secret half alone (S6)."""
        for name in (DEPLOY_KEY, SELF_HOSTED_KEY):
            key = self.variables.get(name, "")
            for secret in (key, key.rpartition("|")[2]):
                if secret:
                    text = text.replace(secret, "***")
        return text


def find_target(env: Mapping[str, str]) -> Target:
    """Read from an environment which deployment is meant.

    Raises
    ------
    DeployFailed
        None is, or two are.
    """
    key, url, admin = (
        env.get(name, "").strip() for name in (DEPLOY_KEY, SELF_HOSTED_URL, SELF_HOSTED_KEY)
    )
    if key and (url or admin):
        raise DeployFailed(
            "Two deployments are named.",
            why=f"{DEPLOY_KEY} is of Convex cloud, {SELF_HOSTED_URL} and {SELF_HOSTED_KEY} are of"
            " a server of your own.",
            fix="Unset the one that you don't mean.",
        )
    if key:
        return Target(key.rpartition("|")[0] or "Convex cloud", {DEPLOY_KEY: key})
    if url and admin:
        return Target(url, {SELF_HOSTED_URL: url, SELF_HOSTED_KEY: admin})
    missing = SELF_HOSTED_KEY if url else SELF_HOSTED_URL if admin else ""
    raise DeployFailed(
        "It is not said which deployment to deploy to.",
        why=f"{missing} is not set." if missing else "No key of a deployment is set.",
        fix=f"Set {DEPLOY_KEY} (Convex cloud), or both {SELF_HOSTED_URL} and {SELF_HOSTED_KEY}"
        " (a server of your own), and try again.",
    )


def read_auth(env: Mapping[str, str]) -> str | None:
    """Return the providers to set in the deployment, None where none are given.

    Raises
    ------
    DeployFailed
        They are not what Convex takes.
    """
    text = env.get(AUTH, "").strip()
    if not text:
        return None
    try:
        providers: Any = json.loads(text)
    except ValueError as error:
        raise _bad_auth(f"It is not JSON: {error}.") from error
    if not isinstance(providers, list) or not all(isinstance(p, dict) for p in providers):  # pyright: ignore[reportUnknownVariableType]
        raise _bad_auth("It is not a list of objects.")
    if len(text.encode()) > AUTH_LIMIT:
        raise _bad_auth(f"It is larger than {AUTH_LIMIT} bytes, which is Convex's limit.")
    return text


def _bad_auth(why: str) -> DeployFailed:
    fix = 'Give a list such as [{"domain": "https://issuer", "applicationID": "ipyclaude"}].'
    return DeployFailed(f"{AUTH} cannot be used.", why=why, fix=fix)
