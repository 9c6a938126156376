"""A job's result images, by way of us: a page that shows them loads nothing from anywhere else."""

from datetime import datetime
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service import queries
from service.answers import known_etags, visible
from service.auth import Caller
from service.images.pictures import Picture
from service.state import state_of
from tracker.errors import Gone, NotFound
from tracker.job import Job

IMAGE_QUERY = ("width",)
GRID = "grid"
NAMES = ("1", "2", "3", "4", GRID)
PIECE = 64 * 1024
_SAFE = {
    "X-Content-Type-Options": "nosniff",
    # `style-src` for browsers, which show an image in a page of their own
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'",
    "Cross-Origin-Resource-Policy": "same-origin",
}


async def image(request: Request, caller: Caller) -> Response:
    """Get an image of a completed job.

    Fetched from Apiframe's CDN by the service, and looked at before it is passed on. With `width`, a smaller one as
    WebP. Once the job's `resultExpiresAt` is over, or Apiframe has deleted the image, it is gone.
    """
    state = state_of(request)
    _, width = queries.all_of(partial(queries.only, request, IMAGE_QUERY), partial(queries.width, request))
    stored = await visible(state, caller, request.path_params["job_id"])
    name = request.path_params["image"]
    url, seconds = _address(stored.job, name), _seconds_left(stored.job, state.clock())
    picture = await state.gallery.picture(url, width)
    headers = {
        "ETag": picture.etag,
        "Cache-Control": f"private, max-age={seconds}, immutable",
        "Vary": "Authorization, Cookie, X-API-Key",  # in a browser's cache, what one key may see is not another's
        **_SAFE,
    }
    if known_etags(request) & {picture.etag, "*"}:
        return Response(status_code=304, headers=headers)
    named = f'inline; filename="{stored.job.id}-{name}.{picture.kind}"'
    return _InPieces(picture, {**headers, "Content-Disposition": named})


def _address(job: Job, name: str) -> str:
    """Raises NotFound."""
    if name not in NAMES:
        raise NotFound(f"There is no such image; a job has {', '.join(NAMES)}.")
    if job.result is None:
        raise NotFound(f"The job is {job.status}, and has no images.")
    found = [job.result.grid_url] if name == GRID else job.result.images[int(name) - 1 : int(name)]
    if not found or found[0] is None:
        raise NotFound("The job has no grid." if name == GRID else f"The job has {len(job.result.images)} images.")
    return found[0]


def _seconds_left(job: Job, now: datetime) -> int:
    """Raises Gone, also where the image is still in memory: no answer depends on which process was asked."""
    if job.result_expires_at is None:
        return 0
    left = (job.result_expires_at - now).total_seconds()
    if left <= 0:
        raise Gone("The job's images have expired: its resultExpiresAt is over.")
    return int(left)


class _InPieces(Response):
    """A slow client has a piece in its connection's buffer, and not a copy of the whole."""

    def __init__(self, picture: Picture, headers: dict[str, str]) -> None:
        length = {"Content-Length": str(len(picture.content))}
        super().__init__(headers={**headers, **length}, media_type=f"image/{picture.kind}")
        self._picture = picture

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        content = b"" if scope["method"] == "HEAD" else self._picture.content
        for at in range(0, len(content), PIECE):
            await send({"type": "http.response.body", "body": content[at : at + PIECE], "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
