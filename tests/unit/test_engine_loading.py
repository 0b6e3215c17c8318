"""The SDK is imported without what only a check of IRIs needs, and that still works."""

from __future__ import annotations

import subprocess
import sys

_LOAD = """
import sys
from ipyclaude.engine.loading import load_sdk
load_sdk()
assert "claude_agent_sdk" in sys.modules
print("lark" in sys.modules, "rfc3987_syntax" in sys.modules)
from jsonschema import Draft202012Validator
def valid(iri):
    schema = {"format": "iri"}
    checker = Draft202012Validator.FORMAT_CHECKER
    return Draft202012Validator(schema, format_checker=checker).is_valid(iri)
print(valid("http://\u00e9.example/"), valid("no iri, but words"), "lark" in sys.modules)
"""


def test_what_checks_iris_comes_when_one_is_checked() -> None:
    """Importing the SDK compiles no grammar; the first check does, and is right."""
    done = subprocess.run([sys.executable, "-c", _LOAD], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "True", "False", "True"]
