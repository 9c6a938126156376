"""Scripts, the style and the icon: read once, asked for again each time, and sent again only when they have changed."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from tracker.errors import NotFound

FOLDER = Path(__file__).parent / "static"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True)
class Asset:
    body: bytes
    media: str
    etag: str


class Assets:
    def __init__(self) -> None:
        self._found = {path.name: _asset(path) for path in FOLDER.iterdir() if path.suffix in TYPES}

    def get(self, name: str) -> Asset:
        """Raises NotFound."""
        try:
            return self._found[name]
        except KeyError:
            raise NotFound("There is no such file.") from None


async def icon(request: Request) -> Response:
    """Where browsers look for it by themselves: beside an image, or JSON."""
    return _answer(request, "icon.svg")


async def asset(request: Request) -> Response:
    return _answer(request, request.path_params["name"])


def _answer(request: Request, name: str) -> Response:
    found: Asset = request.state.dashboard.assets.get(name)
    headers = {"ETag": found.etag, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    if found.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(found.body, headers=headers, media_type=found.media)


def _asset(path: Path) -> Asset:
    body = path.read_bytes()
    return Asset(body, TYPES[path.suffix], f'"{hashlib.sha256(body).hexdigest()[:24]}"')
