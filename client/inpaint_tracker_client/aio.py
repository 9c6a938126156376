"""AsyncTracker: the same calls, carried by an asynchronous HTTP client, for asyncio."""

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping
from contextlib import aclosing
from datetime import datetime
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


class AsyncTracker:
    """`Tracker` for asyncio: the same arguments, methods and errors. Close it, or use it with `async with`.

    >>> import asyncio
    >>> async def repaint(prompts):
    ...     async with AsyncTracker() as tracker:
    ...         jobs = [await tracker.submit(parent_id, "mask.png", prompt) for prompt in prompts]
    ...         return await asyncio.gather(*(tracker.wait(job.id, timeout=60) for job in jobs))
    >>> [job.status for job in asyncio.run(repaint(["a red balloon", "a kite"]))]
    ['COMPLETED', 'COMPLETED']
    """

    def __init__(
        self, url: str | None = None, api_key: str | None = None, *, timeout: float = 30.0, retries: int = 4
    ) -> None:
        there = access(url, api_key)
        self._url = there.url
        self._timeout = timeout
        self._retries = retries
        self._http = httpx.AsyncClient(**client_options(there))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._http.aclose()

    async def submit(
        self,
        parent_job_id: str,
        mask: MaskSource,
        prompt: str | None = None,
        labels: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Job:
        """As `Tracker.submit`; the mask is read in a thread."""
        content = await asyncio.to_thread(read_mask, mask)
        return await self._send(calls.submit(parent_job_id, content, prompt, labels, idempotency_key))

    async def get(self, job_id: str) -> Job:
        """As `Tracker.get`."""
        return await self._send(calls.get(job_id))

    def list(
        self,
        status: str | Iterable[str] | None = None,
        owner: str | None = None,
        parent_job_id: str | None = None,
        labels: Mapping[str, str] | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        page_size: int = calls.PAGE_SIZE,
    ) -> AsyncIterator[Job]:
        """As `Tracker.list`, for `async for`."""
        return self._pages(
            calls.list_jobs(
                calls.filters(status, owner, parent_job_id, labels, created_after, created_before), page_size
            )
        )

    def events(self, job_id: str) -> AsyncIterator[Event]:
        """As `Tracker.events`, for `async for`."""
        return self._pages(calls.events(job_id))

    async def wait(
        self,
        job_id: str,
        timeout: float | None = None,  # noqa: ASYNC109  the service is told, too
        on_change: Callable[[Job], object] | None = None,
    ) -> Job:
        """As `Tracker.wait`; `on_change` may be a coroutine function."""
        watch = Watch(job_id, timeout, every_change=on_change is not None)
        while True:
            job = await self._send(watch.call())
            if job is not None and on_change is not None:
                await _settled(on_change(job))
            if job is not None and job.is_final:
                return job

    def watch(self, job_id: str) -> AsyncGenerator[Job]:
        """As `Tracker.watch`, for `async for`. With `contextlib.aclosing` the connection ends with the loop at once."""
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
    ) -> AsyncGenerator[Job]:
        """As `Tracker.stream`, for `async for`; `on_gap` may be a coroutine function."""
        wanted = calls.filters(status, owner, parent_job_id, labels, created_after, created_before)
        return self._follow(Following(calls.stream_jobs(wanted), self._retries, self._url, one_job=False), on_gap)

    async def cancel(self, job_id: str) -> Job:
        """As `Tracker.cancel`."""
        return await self._send(calls.cancel(job_id))

    async def track(self, upstream_job_id: str, labels: Mapping[str, str] | None = None) -> Job:
        """As `Tracker.track`."""
        return await self._send(calls.track(upstream_job_id, labels))

    async def refresh(self, job_id: str) -> Job:
        """As `Tracker.refresh`."""
        return await self._send(calls.refresh(job_id))

    async def _pages(self, call: Call[Page[T]]) -> AsyncIterator[T]:
        following: Call[Page[T]] | None = call
        while following is not None:
            page = await self._send(following)
            for item in page.items:
                yield item
            following = page.following

    async def _follow(self, following: Following, on_gap: Callable[[str], object] | None) -> AsyncGenerator[Job]:
        while following.goes_on():
            await asyncio.sleep(following.pause)
            async with aclosing(self._listen(following.request)) as parts:
                async for part in parts:
                    for told in following.take(part):
                        if isinstance(told, Job):
                            yield told
                        else:
                            await _settled(told.told(on_gap))
                    if not following.goes_on():
                        break

    async def _listen(self, request: Request) -> AsyncGenerator[Reply | bytes | Silence]:
        """One connection: its head, its bytes, its end. What the caller does in between does not end it."""
        try:
            async with self._http.stream(**stream_arguments(request, self._timeout, QUIET)) as response:
                if response.status_code != 200:
                    await response.aread()
                    end: Reply | Silence = reply_of(response)
                else:
                    yield head_of(response)
                    async for chunk in response.aiter_bytes():
                        yield chunk
                    end = ENDED
        except (httpx.RequestError, AttributeError) as error:  # the latter as in _attempt
            end = silence_of(error)
        yield end

    async def _send(self, call: Call[T]) -> T:
        attempts = Attempts(call, self._retries, self._url)
        while True:
            await asyncio.sleep(attempts.pause)
            reply = attempts.settled(await self._attempt(call.request))
            if reply is not None:
                return call.read(reply)

    async def _attempt(self, request: Request) -> Reply | Silence:
        try:
            return reply_of(await self._http.request(**request_arguments(request, self._timeout)))
        except (httpx.RequestError, AttributeError) as error:  # the latter under uvloop, for a connection reset at once
            return silence_of(error)


async def _settled(told: object) -> None:
    """What a listener gave, awaited where it is to be."""
    if inspect.isawaitable(told):
        await told
