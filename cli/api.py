"""A caller's side of the HTTP API, as the commands use it."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx

from cli.config import CallerSettings
from cli.exits import Exit, Stop

__all__ = ["Api", "CallerSettings", "Job", "connect", "is_final"]

Job = dict[str, Any]
POLL_SECONDS = 25
PAGE = 100
SUBMIT_PAUSES = (0.25, 0.5, 1, 2)
FOLLOW_PAUSES = (0.25, 0.5, 1, 2, 4, 8, 8)
"""Seconds before each further attempt; what follows a job outlives a restart of the service."""
LONGEST_PAUSE = 10.0
_AGAIN = (502, 503, 504)


class Api:
    """Methods return jobs as the API gives them, and raise Stop with one line for whatever goes wrong."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def submit(self, body: Job, key: str | None = None) -> Job:
        """Under an Idempotency-Key, so that an attempt without an answer may be repeated and is charged once."""
        headers = {"Idempotency-Key": key or str(uuid4())}
        return _document(self._send("POST", "/v1/jobs", SUBMIT_PAUSES, json=body, headers=headers))

    def get(self, job_id: str) -> Job:
        return _document(self._send("GET", _path(job_id)))

    def cancel(self, job_id: str) -> Job:
        return _document(self._send("POST", f"{_path(job_id)}/cancel"))

    def refresh(self, job_id: str) -> Job:
        return _document(self._send("POST", f"{_path(job_id)}/refresh"))

    def track(self, upstream_job_id: str, labels: dict[str, str]) -> Job:
        body = {"upstreamJobId": upstream_job_id, "labels": labels}
        return _document(self._send("POST", "/v1/jobs/track", json=body))

    def jobs(self, filters: Sequence[tuple[str, str]], limit: int | None) -> Iterator[Job]:
        """Newest first, over as many pages as it takes; `limit` None for all of them."""
        cursor: list[tuple[str, str]] = []
        left = limit
        while True:
            size = PAGE if left is None else min(PAGE, left)
            page = _document(self._send("GET", "/v1/jobs", params=[*filters, *cursor, ("limit", str(size))]))
            yield from page["jobs"]
            left = None if left is None else left - len(page["jobs"])
            if page["nextCursor"] is None or left == 0:
                return
            cursor = [("cursor", page["nextCursor"])]

    def events(self, job_id: str) -> list[dict[str, Any]]:
        """The first hundred entries of its history, oldest first: all there are."""
        page = _document(self._send("GET", f"{_path(job_id)}/events", params={"limit": 100}))
        events: list[dict[str, Any]] = page["events"]
        return events

    def follow(self, job_id: str) -> Iterator[Job]:
        """The job now, and again at each change, until it is final."""
        response = self._send("GET", _path(job_id))
        while True:
            if response.status_code != httpx.codes.NOT_MODIFIED:
                yield (job := _document(response))
                if is_final(job):
                    return
            known = {"If-None-Match": response.headers.get("etag", "")}
            response = self._send("GET", _path(job_id), FOLLOW_PAUSES, params={"wait": POLL_SECONDS}, headers=known)

    def _send(self, method: str, path: str, pauses: Sequence[float] = (), **options: Any) -> httpx.Response:
        """Tries again after each of `pauses` where nobody answered, or the service cannot answer just now."""
        for pause in pauses:
            try:
                response = self._http.request(method, path, **options)
                if response.status_code not in _AGAIN:
                    return _accepted(response)
                pause = max(pause, _told(response))
            except httpx.TransportError:
                pass
            time.sleep(min(pause, LONGEST_PAUSE) * random.uniform(0.8, 1))
        try:
            return _accepted(self._http.request(method, path, **options))
        except httpx.HTTPError as error:
            where = self._http.base_url.copy_with(userinfo=b"")
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


def _told(response: httpx.Response) -> float:
    """Seconds from `Retry-After`."""
    given = response.headers.get("retry-after", "")
    return float(given) if given.isascii() and given.isdecimal() else 0.0


def _accepted(response: httpx.Response) -> httpx.Response:
    if not (response.is_success or response.status_code == httpx.codes.NOT_MODIFIED):
        raise _refusal(response)
    return response


def _document(response: httpx.Response) -> Job:
    document = _object(response)
    if document is None:
        raise Stop(f"{response.url.host} answers, but not as inpaint-tracker does; check TRACKER_URL.", Exit.REFUSED)
    return document


def _refusal(response: httpx.Response) -> Stop:
    """The problem's own words, with the request id that its log line can be found by."""
    problem = _object(response) or {}
    other = f"HTTP {response.status_code}, and not in the words of inpaint-tracker; check TRACKER_URL."
    detail = " ".join(str(problem.get("detail", other)).split())
    request_id = problem.get("requestId") or response.headers.get("x-request-id")
    code = Exit.UNREACHABLE if response.status_code >= 500 else Exit.REFUSED
    return Stop(f"{detail} [request {request_id}]" if request_id else detail, code)


def _object(response: httpx.Response) -> Job | None:
    try:
        document = response.json()
    except ValueError:
        return None
    return document if isinstance(document, dict) else None
