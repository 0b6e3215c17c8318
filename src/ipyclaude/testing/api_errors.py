"""HTTP errors in place of a reply, as the Messages API words them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .items import Json, new_id


@dataclass(frozen=True)
class ApiError:
    """An HTTP error in place of an answer."""

    status: int
    type: str
    message: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def body(self) -> Json:
        """Return the API's error object."""
        error_object = {"type": self.type, "message": self.message}
        return {"type": "error", "error": error_object, "request_id": new_id("req")}


#: What the API says with each status, https://docs.claude.com/en/api/errors.
_ERRORS = {
    400: ("invalid_request_error", "Bad request"),
    401: ("authentication_error", "invalid x-api-key"),
    403: ("permission_error", "Your API key does not have permission to use this resource."),
    404: ("not_found_error", "model: no-such-model"),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your account's rate limit."),
    500: ("api_error", "Internal server error"),
    529: ("overloaded_error", "Overloaded"),
}


def error(
    status: int,
    type: str | None = None,  # noqa: A002 - the API's own name
    message: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> ApiError:
    """Make an HTTP error; type and message are the API's own for that status if not given."""
    known_type, known_message = _ERRORS.get(status, ("api_error", f"HTTP {status}"))
    return ApiError(status, type or known_type, message or known_message, dict(headers or {}))


def bad_key() -> ApiError:
    """Make the API's refusal of a key (401)."""
    return error(401)


def rate_limited(retry_after: int | None = None) -> ApiError:
    """Make the API's answer over the rate limit (429); `retry_after` in seconds."""
    headers = {} if retry_after is None else {"retry-after": str(retry_after)}
    return error(429, headers=headers)


def overloaded() -> ApiError:
    """Make the API's answer when it is overloaded (529)."""
    return error(529)


def server_error(status: int = 500) -> ApiError:
    """Make the API's own failure."""
    return error(status, "api_error", "Internal server error")


def prompt_too_long() -> ApiError:
    """Make the API's refusal of a conversation that fits no context window (400)."""
    return error(400, message="prompt is too long: 208310 tokens > 200000 maximum")


def no_such_model(model: str) -> ApiError:
    """Make the API's refusal of a model that it doesn't have (404)."""
    return error(404, message=f"model: {model}")
