"""Every error leaves as one RFC 9457 problem; nothing else in the service builds an error answer."""

import json
from typing import Any, cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tracker.errors import (
    BadRequest,
    InvalidInput,
    MethodNotAllowed,
    NotFound,
    TooLarge,
    TooManyFailures,
    TooSlow,
    TrackerError,
    Unauthenticated,
    Unavailable,
)

TYPE = "/docs#"
"""Followed by the name of a paragraph in docs/errors.md, which `/docs` shows."""
_FRAMEWORK: dict[int, type[TrackerError]] = {400: BadRequest, 404: NotFound, 405: MethodNotAllowed, 413: TooLarge}
_SENTENCES = {404: "There is nothing at this address.", 405: "This address does not take this method; see Allow."}


def problem(error: TrackerError, request_id: str, headers: dict[str, str] | None = None) -> Response:
    body: dict[str, Any] = {
        "type": f"{TYPE}{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": str(error),
        "requestId": request_id,
    }
    if isinstance(error, InvalidInput):
        body["errors"] = error.errors
    return Response(
        json.dumps(body, ensure_ascii=False),
        status_code=error.status,
        media_type="application/problem+json",
        headers={**(headers or {}), **_headers(error)},
    )


def _headers(error: TrackerError) -> dict[str, str]:
    match error:
        case Unavailable() | TooManyFailures():
            return {"Retry-After": str(error.retry_after)}
        case Unauthenticated():
            return {"WWW-Authenticate": 'Bearer realm="inpaint-tracker"'}
        case TooSlow():
            return {"Connection": "close"}  # what is still to come would be taken for the next request
        case _:
            return {}


async def on_tracker_error(request: Request, error: Exception) -> Response:
    return problem(cast(TrackerError, error), request.state.request_id)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """What Starlette itself refuses: an unknown path, a method that the path does not take."""
    refusal = cast(HTTPException, error)
    kind = _FRAMEWORK.get(refusal.status_code, BadRequest)
    sentence = _SENTENCES.get(refusal.status_code, str(refusal.detail))
    return problem(kind(sentence), request.state.request_id, dict(refusal.headers or {}))
