"""The service's streams: taken up again where they were, after a restart of the service, too."""

import random
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import chain, repeat

import httpx
from httpx_sse import EventSource, ServerSentEvent, SSEError

from cli.answers import AGAIN, LONGEST_PAUSE, accepted, is_problem, job_in, not_ours, retry_after
from cli.exits import Exit, Stop
from cli.output import Job

PAUSES = (0.25, 0.5, 1, 2, 4, 8, 8)
"""Seconds before each further connection."""
STEADY = 10.0
"""Seconds after which a connection was a good one, and patience is whole again."""
WORTH_A_WORD = 5
"""Connections without success after which somebody who waits for ever is told so."""


class NoStreamError(Exception):
    """The service is older and has none, or there is no such job."""


class Stream:
    """`for_ever`: a service that was reached once is waited for without an end."""

    def __init__(
        self, http: httpx.Client, path: str, filters: Sequence[tuple[str, str]] = (), *, for_ever: bool = False
    ) -> None:
        self._http = http
        self._path = path
        self._filters = httpx.QueryParams(list(filters))
        self._for_ever = for_ever
        self._position = ""
        self._pauses: Iterator[float] = iter(PAUSES[:4])
        self._tries = 0
        self._reached = False
        self._opened = float("inf")
        self._over = False

    def changes(self) -> Iterator[Job | None]:
        """Jobs as they change; None where others may have changed, too: who wants to know lists them then.

        Ends where the service has no more to tell. Raises NoStreamError, and Stop for a refusal, for a stranger's
        answer, and once patience is over.
        """
        while not self._over:
            asked, trouble, self._opened = 0.0, "the stream ended", float("inf")
            try:
                with self._http.stream("GET", self._path, params=self._filters, headers=self._headers()) as response:
                    if response.is_error:
                        asked, trouble = retry_after(response), f"HTTP {response.status_code}"
                    yield from self._read(response)
            except httpx.RequestError as error:
                trouble = str(error) or type(error).__name__
            if time.monotonic() - self._opened > STEADY:
                self._begin_anew()
            if not self._over:
                self._rest(asked, trouble)

    def _headers(self) -> dict[str, str]:
        here = {"Last-Event-ID": self._position} if self._position else {}
        return {"Accept": "text/event-stream", "Cache-Control": "no-store", **here}

    def _read(self, response: httpx.Response) -> Iterator[Job | None]:
        self._over = response.status_code == httpx.codes.NO_CONTENT
        if self._over or not _is_open(response):
            return
        self._opened = time.monotonic()
        if not self._reached:
            self._reached = True
            self._begin_anew()
        if not self._position:
            yield None
        try:
            for event in EventSource(response).iter_sse():
                yield from self._told(event, response)
        except SSEError:
            raise not_ours(response) from None

    def _told(self, event: ServerSentEvent, response: httpx.Response) -> Iterator[Job | None]:
        if event.id.isascii() and event.id.isprintable():  # else no header can carry it
            self._position = event.id or self._position
        if event.event == "job":
            self._begin_anew()
            yield job_in(event.data, response)
        elif event.event == "gap":
            yield None

    def _begin_anew(self) -> None:
        self._tries = 0
        self._pauses = chain(PAUSES[:4], repeat(PAUSES[3])) if self._for_ever else iter(PAUSES)

    def _rest(self, asked: float, trouble: str) -> None:
        self._tries += 1
        pause = next(self._pauses, None)
        where = f"{self._http.base_url}".rstrip("/")
        if pause is None or (asked > LONGEST_PAUSE and not (self._for_ever and self._reached)):
            raise Stop(f"{where} cannot be reached: {trouble}", Exit.UNREACHABLE)
        if self._tries == WORTH_A_WORD:
            print(f"{where} cannot be reached: {trouble}; trying on.", file=sys.stderr, flush=True)
        time.sleep(max(asked, pause * random.uniform(0.8, 1)))


def _is_open(response: httpx.Response) -> bool:
    """False where it is to be tried again. Raises NoStreamError, or Stop."""
    if response.status_code == httpx.codes.OK:
        return True
    response.read()
    if response.status_code == httpx.codes.NOT_FOUND and is_problem(response):
        raise NoStreamError
    if response.status_code not in AGAIN:
        accepted(response)
        raise not_ours(response)
    return False
