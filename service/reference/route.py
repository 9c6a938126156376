"""`/openapi.json` and `/docs`, made when somebody first asks for them: few processes are ever asked."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response

from service.queries import only

if TYPE_CHECKING:
    from service.openapi import Route


@dataclass(frozen=True)
class Printed:
    document: bytes
    page: bytes
    headers: dict[str, str]
    """The page's."""


class Reference:
    def __init__(self, routes: "Iterable[Route]") -> None:
        self._routes = routes
        self._printed: Printed | None = None

    async def printed(self) -> Printed:
        """In a thread: the first time it takes a tenth of a second."""
        if self._printed is None:
            self._printed = await to_thread.run_sync(_printed, self._routes)
        return self._printed


def _printed(routes: "Iterable[Route]") -> Printed:
    from service import docs, openapi

    described = openapi.document(routes)
    return Printed(openapi.serialized(described), docs.page(described).encode(), docs.HEADERS)


async def openapi(request: Request) -> Response:
    """Read this document.

    OpenAPI 3.1, for tools; `/docs` shows the same to people.
    """
    only(request, ())
    printed = await _reference(request).printed()
    return Response(printed.document, media_type="application/json")


async def docs(request: Request) -> Response:
    """Read about this service.

    `/openapi.json` as a page for people.
    """
    only(request, ())
    printed = await _reference(request).printed()
    return Response(printed.page, media_type="text/html", headers=printed.headers)


def _reference(request: Request) -> Reference:
    found: Reference = request.state.reference
    return found
