"""The version of the functions in js/convex/, and what it means that a deployment has another.

It is raised with whatever a client of before, or functions of before, would not understand: an
argument more, too, since Convex refuses what a function does not name.
"""

from __future__ import annotations

from .exceptions import VersionMismatch

#: What this client speaks; js/convex/version.ts says the same.
API_VERSION = 2


def mismatch(api: int) -> VersionMismatch:
    """Return why nothing is sent to functions of this version."""
    older = api < API_VERSION
    return VersionMismatch(
        f"The functions deployed to Convex are {'older' if older else 'newer'} than this"
        " ipyclaude, so nothing is sent.",
        why=f"They speak version {api}, and it speaks {API_VERSION}. What you do is kept here.",
        fix="Deploy its functions: ipyclaude deploy."
        if older
        else "Update it: pip install --upgrade ipyclaude, then restart the kernel.",
        api=api,
    )
