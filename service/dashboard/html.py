"""How a page leaves: rendered with everything escaped, and with headers that let it load nothing from elsewhere."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from service.auth import Caller
from service.dashboard import words
from service.dashboard.assets import Assets
from service.sessions import Session
from service.state import State

if TYPE_CHECKING:
    from jinja2 import Environment

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with none at all, browsers would send our own forms with `Origin: null`
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "private, no-store",
}
TEMPLATES = Path(__file__).parent / "templates"


class Dashboard:
    """Made once, when the service starts; its templates with the first page."""

    def __init__(self) -> None:
        self.assets = Assets()

    @cached_property
    def templates(self) -> "Environment":
        from jinja2 import Environment, FileSystemLoader, StrictUndefined  # a twentieth of what a start would take

        templates = Environment(
            loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
            lstrip_blocks=True, auto_reload=False,
        )  # fmt: skip
        templates.filters |= words.FILTERS
        return templates


@dataclass(frozen=True)
class Visit:
    """A page's request by somebody who has signed in."""

    request: Request
    state: State
    caller: Caller
    session: Session

    @property
    def operates(self) -> bool:
        """Whether buttons are shown."""
        return "ops" in self.caller.scopes

    def html(self, page: str, *, status_code: int = 200, **told: Any) -> Response:
        shell: dict[str, Any] = {
            "caller": self.caller.name, "operates": self.operates, "token": self.state.sessions.token(self.session.id),
            "now": self.state.clock(),
        }  # fmt: skip
        return html(self.request, page, status_code=status_code, **shell, **told)


Shown = Callable[[Visit], Awaitable[Response]]


def html(
    request: Request, page: str, *, status_code: int = 200, headers: dict[str, str] | None = None, **told: Any
) -> Response:
    """The template `page`, which names itself in `body[data-page]`."""
    found: Dashboard = request.state.dashboard
    text = found.templates.get_template(f"{page}.html").render(page=page, **told)
    return Response(text, status_code, {**HEADERS, **(headers or {})}, "text/html")


def wants_html(request: Request) -> bool:
    """A browser's own navigation; a script, and whoever takes anything, gets JSON."""
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith(("/v1/", "/webhooks/"))
