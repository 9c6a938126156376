"""How both shells speak to httpx: the options of a client, the arguments of a request, what its outcome means."""

from typing import Any

import httpx

from inpaint_tracker_client.answers import Reply
from inpaint_tracker_client.calls import Request
from inpaint_tracker_client.retries import Silence
from inpaint_tracker_client.settings import Access
from inpaint_tracker_client.version import __version__


def client_options(access: Access) -> dict[str, Any]:
    """The key goes as a bearer token, which httpx hides in what it prints. Waits may hold any number of connections."""
    return {
        "base_url": access.url,
        "headers": {
            "Authorization": f"Bearer {access.api_key}",
            "Accept": "application/json",
            "User-Agent": f"inpaint-tracker-client/{__version__}",
        },
        "limits": httpx.Limits(max_connections=None, max_keepalive_connections=20),
        "follow_redirects": False,
    }


def request_arguments(request: Request, timeout: float) -> dict[str, Any]:
    return {
        "method": request.method,
        "url": request.path,
        "params": request.parameters or None,
        "headers": dict(request.headers),
        "content": request.body or None,
        "timeout": httpx.Timeout(timeout, read=timeout + request.hold),
    }


def stream_arguments(request: Request, timeout: float, quiet: float) -> dict[str, Any]:
    """`quiet`: seconds without a byte, once there is a connection, that mean that it is dead."""
    return {**request_arguments(request, timeout), "timeout": httpx.Timeout(timeout, read=quiet)}


def head_of(response: httpx.Response) -> Reply:
    """For a body that is read as it comes."""
    return Reply(response.status_code, dict(response.headers.items()), b"")


def reply_of(response: httpx.Response) -> Reply:
    return Reply(response.status_code, dict(response.headers.items()), response.content)


def silence_of(error: Exception) -> Silence:
    """Keeps the words alone: the error itself holds the request, with its mask and its key."""
    return Silence(f"{type(error).__name__}: {error}".rstrip(": "))
