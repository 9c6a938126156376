"""A thin httpx shell around the protocol: one connection pool, one deadline a request, no retries of its own.

Retrying is the worker's business, since only it knows what an attempt may cost.
"""

import asyncio
import time
from collections.abc import Awaitable
from typing import Self, TypeVar

import httpx

from tracker.apiframe.protocol import (
    ACTION_PATH,
    AccountResult,
    ListResult,
    LookupResult,
    OutcomeUnknown,
    SubmissionResult,
    TryAgain,
    decipher_account,
    decipher_list,
    decipher_lookup,
    decipher_submission,
    inpaint_request,
)
from tracker.meters import Call, Seen
from tracker.settings import Settings

Result = TypeVar("Result")

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError, httpx.UnsupportedProtocol)
_NO_ANSWER = (httpx.HTTPError, TimeoutError, AttributeError)
"""The last is httpcore's under uvloop: it asks a new connection for its peer; one that is reset by then has none."""


class ApiframeClient:
    """Every method returns a value of `protocol`; none raises for what upstream or the network does."""

    def __init__(self, settings: Settings, seen: Seen = lambda *_: None) -> None:
        """`seen` is told of each call."""
        self._seen = seen
        self._seconds = settings.apiframe_timeout_seconds
        self._http = httpx.AsyncClient(
            base_url=settings.apiframe_base_url.removesuffix("/v2"),  # documented with and without; our paths have it
            timeout=httpx.Timeout(self._seconds, connect=self._seconds / 4, pool=self._seconds / 4),
            limits=httpx.Limits(max_connections=64, max_keepalive_connections=64, keepalive_expiry=30.0),
            headers={
                "X-API-Key": settings.apiframe_api_key.get_secret_value().strip(),
                "User-Agent": settings.apiframe_user_agent,
                "Accept": "application/json",
            },
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def inpaint(
        self, job_id: str, parent_job_id: str, mask: bytes, prompt: str | None, webhook_url: str | None
    ) -> SubmissionResult:
        """Submits with our `job_id` as Idempotency-Key, so that a repetition yields the same job and one charge."""
        return await self._timed("submit", self._inpaint(job_id, parent_job_id, mask, prompt, webhook_url))

    async def _inpaint(
        self, job_id: str, parent_job_id: str, mask: bytes, prompt: str | None, webhook_url: str | None
    ) -> SubmissionResult:
        body = inpaint_request(parent_job_id, mask, prompt, webhook_url)
        headers = {"Idempotency-Key": job_id, "Content-Type": "application/json"}
        try:
            async with asyncio.timeout(self._seconds):
                response = await self._http.post(ACTION_PATH, content=body, headers=headers)
        except _NEVER_SENT as error:
            return TryAgain(f"upstream cannot be reached: {_name(error)}")
        except _NO_ANSWER as error:
            return OutcomeUnknown(f"no answer: {_name(error)}")
        return decipher_submission(response.status_code, response.headers, response.content)

    async def job(self, upstream_job_id: str) -> LookupResult:
        return await self._timed("job", self._job(upstream_job_id))

    async def _job(self, upstream_job_id: str) -> LookupResult:
        response = await self._get(f"/v2/jobs/{upstream_job_id}")
        if isinstance(response, TryAgain):
            return response
        return decipher_lookup(response.status_code, response.headers, response.content)

    async def jobs(self, cursor: str | None) -> ListResult:
        """A page of the key's own jobs, newest first."""
        return await self._timed("jobs", self._jobs(cursor))

    async def _jobs(self, cursor: str | None) -> ListResult:
        response = await self._get("/v2/jobs", limit=100, **({"cursor": cursor} if cursor else {}))
        if isinstance(response, TryAgain):
            return response
        return decipher_list(response.status_code, response.headers, response.content)

    async def account(self) -> AccountResult:
        """The key's team and its credits."""
        return await self._timed("account", self._account())

    async def _account(self) -> AccountResult:
        response = await self._get("/v2/me")
        if isinstance(response, TryAgain):
            return response
        return decipher_account(response.status_code, response.headers, response.content)

    async def _timed(self, call: Call, asked: Awaitable[Result]) -> Result:
        began = time.perf_counter()
        result = await asked
        self._seen(call, result, time.perf_counter() - began)
        return result

    async def _get(self, path: str, **query: str | int) -> httpx.Response | TryAgain:
        try:
            async with asyncio.timeout(self._seconds):
                return await self._http.get(path, params=query)
        except _NO_ANSWER as error:
            return TryAgain(f"upstream cannot be reached: {_name(error)}")


def _name(error: Exception) -> str:
    """The kind of the error alone: its text may hold an address with credentials."""
    return type(error).__name__
