"""What a page must never do, and whether it did: complain, throw, break its own policy, or ask another host."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, ConsoleMessage, Request, Response, WebError

_TELL = """
addEventListener("securitypolicyviolation", event =>
  tellOfViolation(`${event.effectiveDirective} forbids ${event.blockedURI} in ${event.sourceFile}:${event.lineNumber}`))
"""


class Watch:
    """Over every page of the contexts that it is given."""

    def __init__(self, base_url: str) -> None:
        self._home = urlsplit(base_url).netloc
        self._seen: list[str] = []

    async def over(self, context: BrowserContext) -> None:
        context.on("console", self._console)
        context.on("weberror", self._thrown)
        context.on("request", self._request)
        context.on("response", self._response)
        await context.expose_function("tellOfViolation", self._violation)
        await context.add_init_script(_TELL)

    @contextmanager
    def expecting(self, pattern: str) -> Iterator[None]:
        """Complaints that a test brings about itself: those that fit are forgiven, and there must be one."""
        before, self._seen = self._seen, []
        yield
        fit = [line for line in self._seen if re.search(pattern, line)]
        self._seen = [*before, *(line for line in self._seen if line not in fit)]
        assert fit, f"nothing was seen of {pattern}: {self._seen}"

    def verdict(self) -> None:
        """Fails the test whose pages did what none may."""
        assert not self._seen, "\n".join(self._seen)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning", "assert"):
            self._seen.append(f"console {message.type}: {message.text} ({message.location.get('url')})")

    def _thrown(self, error: WebError) -> None:
        self._seen.append(f"uncaught: {error.error}")

    def _request(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.netloc != self._home and address.scheme not in ("data", "blob"):
            self._seen.append(f"another host: {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 500:
            self._seen.append(f"answered {response.status}: {response.url}")

    def _violation(self, what: str) -> None:
        self._seen.append(f"policy: {what}")
