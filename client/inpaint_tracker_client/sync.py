"""Tracker: the calls, carried by a blocking HTTP client."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import datetime
from itertools import chain
from types import TracebackType
from typing import Self, TypeVar

import httpx

from inpaint_tracker_client import calls
from inpaint_tracker_client.answers import Reply
from inpaint_tracker_client.calls import Call, Page, Request
from inpaint_tracker_client.following import ENDED, QUIET, Following
from inpaint_tracker_client.masks import MaskSource, read_mask
from inpaint_tracker_client.models import Event, Job
from inpaint_tracker_client.retries import Attempts, Silence
from inpaint_tracker_client.settings import access
from inpaint_tracker_client.transport import (
    client_options,
    head_of,
    reply_of,
    request_arguments,
    silence_of,
    stream_arguments,
)
from inpaint_tracker_client.waiting import Watch

T = TypeVar("T")


class Tracker:
    """The service, seen by a caller. One may be shared by threads; close it, or use it with `with`.

    `url` and `api_key` come from TRACKER_URL and TRACKER_API_KEY where they are not given. `timeout`, in seconds, is
    for one answer; a request without one, or told to come back later, is sent up to `retries` times again. What goes
    wrong with the service is a TrackerError and nothing else; see `errors`.

    >>> tracker = Tracker(timeout=10)
    >>> tracker.get("0198c5a0-0000-7000-8000-000000000000")
    Traceback (most recent call last):
    inpaint_tracker_client.errors.NotFound: 404 Not found: There is no such job, ...
    >>> tracker.close()
    """

    def __init__(
        self, url: str | None = None, api_key: str | None = None, *, timeout: float = 30.0, retries: int = 4
    ) -> None:
        there = access(url, api_key)
        self._url = there.url
        self._timeout = timeout
        self._retries = retries
        self._http = httpx.Client(**client_options(there))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def submit(
        self,
        parent_job_id: str,
        mask: MaskSource,
        prompt: str | None = None,
        labels: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """Hands over a job; it comes back PENDING at once, before anything was sent upstream.

        `parent_job_id` is a finished upsample at Apiframe. `mask` is a path, the bytes of an image file, a binary file
        or a Pillow image: what is white is repainted, black stays. Without `prompt` the parent's is used. `labels`, up
        to 8, are for finding the job again. Within 24 h the same `idempotency_key` gives the same job: choose one, such
        as an order's number, if your program may be restarted between submitting and noting the job's id; a repeated
        job costs credits. Retries within this call are safe in any case.

        >>> with Tracker() as tracker:
        ...     job = tracker.submit(parent_id, "mask.png", "a red balloon", idempotency_key="order-8821")
        ...     again = tracker.submit(parent_id, "mask.png", "a red balloon", idempotency_key="order-8821")
        >>> job.status, again.id == job.id
        ('PENDING', True)

        What is wrong with a request is told by field:

        >>> with Tracker() as tracker:
        ...     tracker.submit("upsample", b"not an image")
        Traceback (most recent call last):
        inpaint_tracker_client.errors.InvalidInput: 422 Invalid input: parentJobId: Not a UUID; ...
        """
        return self._send(calls.submit(parent_job_id, read_mask(mask), prompt, labels, idempotency_key))

    def get(self, job_id: str) -> Job:
        """The job as it is now, by its id here or upstream's."""
        return self._send(calls.get(job_id))

    def list(
        self,
        status: str | Iterable[str] | None = None,
        owner: str | None = None,
        parent_job_id: str | None = None,
        labels: Mapping[str, str] | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        page_size: int = calls.PAGE_SIZE,
    ) -> Iterator[Job]:
        """Every job that you may see and that meets all filters, newest first; pages are fetched as you go on.

        >>> with Tracker() as tracker:
        ...     job = tracker.submit(parent_id, "mask.png", labels={"order": "8822"})
        ...     [found.id == job.id for found in tracker.list(labels={"order": "8822"})]
        [True]
        """
        return self._pages(
            calls.list_jobs(
                calls.filters(status, owner, parent_job_id, labels, created_after, created_before), page_size
            )
        )

    def events(self, job_id: str) -> Iterator[Event]:
        """The job's history, oldest first.

        >>> with Tracker() as tracker:
        ...     job = tracker.submit(parent_id, "mask.png")
        ...     next(tracker.events(job.id)).status
        'PENDING'
        """
        return self._pages(calls.events(job_id))

    def wait(self, job_id: str, timeout: float | None = None, on_change: Callable[[Job], object] | None = None) -> Job:
        """The job in its final state, whatever that is; `Job.raise_for_failure` makes a failure an error.

        The service holds its answers until there is news, so nothing is polled. `on_change` is called with the job as
        it is first seen and after each change. After `timeout` seconds WaitTimeout is raised, and the job goes on.

        >>> with Tracker() as tracker:
        ...     job = tracker.submit(parent_id, "mask.png")
        ...     seen = []
        ...     job = tracker.wait(job.id, timeout=60, on_change=seen.append)
        >>> job.status, seen[-1] == job
        ('COMPLETED', True)
        """
        watch = Watch(job_id, timeout, every_change=on_change is not None)
        while True:
            job = self._send(watch.call())
            if job is not None and on_change is not None:
                on_change(job)
            if job is not None and job.is_final:
                return job

    def watch(self, job_id: str) -> Generator[Job]:
        """The job as it is now and then at each change, up to its final state, told by the service as it happens.

        Changes in quick succession may come as one; the last state always comes. Once it was connected, it goes on by
        itself over dropped connections and restarts of the service, and without an end: to give up after some time, use
        `wait` with `timeout` and `on_change`. Leaving the loop closes the connection.

        >>> with Tracker() as tracker:
        ...     job = tracker.submit(parent_id, "mask.png")
        ...     seen = [state.status for state in tracker.watch(job.id)]
        >>> seen[-1]
        'COMPLETED'
        """
        return self._follow(Following(calls.stream_job(job_id), self._retries, self._url, one_job=True), None)

    def stream(
        self,
        status: str | Iterable[str] | None = None,
        owner: str | None = None,
        parent_job_id: str | None = None,
        labels: Mapping[str, str] | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        on_gap: Callable[[str], object] | None = None,
    ) -> Generator[Job]:
        """Every change of a job that you may see and that meets all filters, from the first `next` on, for ever.

        A job comes as it is when it is told; with `status`, it comes while it has that one. Once it was connected, it
        goes on by itself, without a gap or a repetition. Only after an interruption so long that the service no longer
        keeps what happened is there a gap: `on_gap` is then called with a sentence about it, and should `list` the jobs
        again. Without `on_gap`, ChangesMissed is raised.

        >>> with Tracker() as tracker:
        ...     job = tracker.submit(parent_id, "mask.png", labels={"order": "8823"})
        ...     for change in tracker.stream(labels={"order": "8823"}):
        ...         if change.is_final:
        ...             break
        >>> change.id == job.id, change.status
        (True, 'COMPLETED')
        """
        wanted = calls.filters(status, owner, parent_job_id, labels, created_after, created_before)
        return self._follow(Following(calls.stream_jobs(wanted), self._retries, self._url, one_job=False), on_gap)

    def cancel(self, job_id: str) -> Job:
        """Cancels a job that is still PENDING. Raises Conflict after that: upstream cannot cancel."""
        return self._send(calls.cancel(job_id))

    def track(self, upstream_job_id: str, labels: Mapping[str, str] | None = None) -> Job:
        """Takes over a job that you submitted to Apiframe yourself; from then on it is yours here."""
        return self._send(calls.track(upstream_job_id, labels))

    def refresh(self, job_id: str) -> Job:
        """Has upstream asked about the job now. For operators: needs the scope `ops`."""
        return self._send(calls.refresh(job_id))

    def _pages(self, call: Call[Page[T]]) -> Iterator[T]:
        following: Call[Page[T]] | None = call
        while following is not None:
            page = self._send(following)
            yield from page.items
            following = page.following

    def _follow(self, following: Following, on_gap: Callable[[str], object] | None) -> Generator[Job]:
        while following.goes_on():
            time.sleep(following.pause)
            with closing(self._listen(following.request)) as parts:
                for told in chain.from_iterable(map(following.take, parts)):
                    if isinstance(told, Job):
                        yield told
                    else:
                        told.told(on_gap)
                    if not following.goes_on():
                        break

    def _listen(self, request: Request) -> Generator[Reply | bytes | Silence]:
        """One connection: its head, its bytes, its end. What the caller does in between does not end it."""
        try:
            with self._http.stream(**stream_arguments(request, self._timeout, QUIET)) as response:
                if response.status_code != 200:
                    response.read()
                    end: Reply | Silence = reply_of(response)
                else:
                    yield head_of(response)
                    yield from response.iter_bytes()
                    end = ENDED
        except httpx.RequestError as error:
            end = silence_of(error)
        yield end

    def _send(self, call: Call[T]) -> T:
        attempts = Attempts(call, self._retries, self._url)
        while True:
            time.sleep(attempts.pause)
            reply = attempts.settled(self._attempt(call.request))
            if reply is not None:
                return call.read(reply)

    def _attempt(self, request: Request) -> Reply | Silence:
        try:
            return reply_of(self._http.request(**request_arguments(request, self._timeout)))
        except httpx.RequestError as error:
            return silence_of(error)
