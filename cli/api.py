"""A caller's side of the HTTP API, as the commands use it."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx

from cli import streams
from cli.answers import AGAIN, LONGEST_PAUSE, accepted, events_of, job_of, jobs_of, retry_after, stats_of
from cli.config import CallerSettings
from cli.exits import Exit, Stop
from cli.output import Job
from cli.streams import NoStreamError, Stream

__all__ = ["Api", "CallerSettings", "Job", "connect", "is_final"]

POLL_SECONDS = 25
PAGE = 100
PAUSES = (0.25, 0.5, 1, 2)
"""Seconds before each further attempt."""
FOLLOW_PAUSES = streams.PAUSES
"""What follows a job outlives a restart of the service."""
LOOK_SECONDS = 2.0
"""Between two looks at an older service, which has no streams."""


class Api:
    """Methods return jobs as the API gives them, and raise Stop with one line for whatever goes wrong.

    Each is safe to repeat (docs/errors.md), and is repeated a few times where there is no answer.
    """

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def submit(self, body: Job, key: str | None = None) -> Job:
        """Under an Idempotency-Key, so that an attempt without an answer may be repeated and is charged once."""
        headers = {"Idempotency-Key": key or str(uuid4())}
        return job_of(self._send("POST", "/v1/jobs", json=body, headers=headers))

    def get(self, job_id: str, pauses: Sequence[float] = PAUSES) -> Job:
        return job_of(self._send("GET", _path(job_id), pauses))

    def stats(self) -> dict[str, Any]:
        return stats_of(self._send("GET", "/v1/stats"))

    def cancel(self, job_id: str) -> Job:
        return job_of(self._send("POST", f"{_path(job_id)}/cancel"))

    def refresh(self, job_id: str) -> Job:
        return job_of(self._send("POST", f"{_path(job_id)}/refresh"))

    def track(self, upstream_job_id: str, labels: dict[str, str]) -> Job:
        body = {"upstreamJobId": upstream_job_id, "labels": labels}
        return job_of(self._send("POST", "/v1/jobs/track", json=body))

    def jobs(
        self, filters: Sequence[tuple[str, str]], limit: int | None, pauses: Sequence[float] = PAUSES
    ) -> Iterator[Job]:
        """Newest first, over as many pages as it takes; `limit` None for all of them."""
        cursor: list[tuple[str, str]] = []
        left = limit
        while True:
            size = PAGE if left is None else min(PAGE, left)
            page = jobs_of(self._send("GET", "/v1/jobs", pauses, params=[*filters, *cursor, ("limit", str(size))]))
            yield from page["jobs"]
            left = None if left is None else left - len(page["jobs"])
            if page["nextCursor"] is None or left == 0:
                return
            cursor = [("cursor", page["nextCursor"])]

    def events(self, job_id: str) -> list[dict[str, Any]]:
        """The first hundred entries of its history, oldest first: all there are."""
        return events_of(self._send("GET", f"{_path(job_id)}/events", params={"limit": 100}))

    def follow(self, job_id: str) -> Iterator[Job]:
        """The job now, and again at each change, until it is final."""
        try:
            for job in Stream(self._http, f"{_path(job_id)}/stream").changes():
                if job is not None:
                    yield job
                    if is_final(job):
                        return
        except NoStreamError:
            yield from self._held(job_id)

    def follow_all(self, filters: Sequence[tuple[str, str]]) -> Iterator[Job | None]:
        """Each job that changes, for ever; None where others may have changed, too, at the beginning to begin with."""
        try:
            yield from Stream(self._http, "/v1/stream", filters, for_ever=True).changes()
        except NoStreamError:
            while True:
                yield None
                time.sleep(LOOK_SECONDS)

    def _held(self, job_id: str) -> Iterator[Job]:
        """As `follow`, by held answers: an older service has nothing else."""
        response = self._send("GET", _path(job_id))
        while True:
            if response.status_code != httpx.codes.NOT_MODIFIED:
                yield (job := job_of(response))
                if is_final(job):
                    return
            known = {"If-None-Match": response.headers.get("etag", "")}
            response = self._send("GET", _path(job_id), FOLLOW_PAUSES, params={"wait": POLL_SECONDS}, headers=known)

    def _send(self, method: str, path: str, pauses: Sequence[float] = PAUSES, **options: Any) -> httpx.Response:
        """Tries again after each of `pauses` where nobody answered, or the service cannot answer just now."""
        for pause in pauses:
            asked = 0.0
            try:
                response = self._http.request(method, path, **options)
                asked = retry_after(response)
                if response.status_code not in AGAIN or asked > LONGEST_PAUSE:
                    return accepted(response)
            except httpx.TransportError:
                pass
            time.sleep(max(asked, pause * random.uniform(0.8, 1)))
        try:
            return accepted(self._http.request(method, path, **options))
        except httpx.HTTPError as error:
            where = f"{self._http.base_url}".rstrip("/")
            raise Stop(f"{where} cannot be reached: {error or type(error).__name__}", Exit.UNREACHABLE) from None


@contextmanager
def connect(settings: CallerSettings) -> Iterator[Api]:
    headers = {"X-API-Key": settings.api_key.get_secret_value(), "User-Agent": "inpaint-tracker-cli"}
    limits = httpx.Limits(max_connections=None)  # each job that is followed holds one
    with httpx.Client(base_url=settings.url, headers=headers, timeout=POLL_SECONDS + 10, limits=limits) as http:
        yield Api(http)


def is_final(job: Job) -> bool:
    return job["status"] in ("COMPLETED", "FAILED", "CANCELLED")


def each(ids: Sequence[str], act: Callable[[str], Job]) -> Iterator[Job | Stop]:
    """What became of each; one that is refused does not hold up the others, a service that is away does."""
    for job_id in dict.fromkeys(ids):
        try:
            yield act(job_id)
        except Stop as stop:
            yield stop
            if stop.code is Exit.UNREACHABLE:
                return


def _path(job_id: str) -> str:
    if not job_id.strip(". "):
        raise Stop("An empty id names no job.", Exit.USAGE)
    return f"/v1/jobs/{quote(job_id.strip(), safe='')}"
