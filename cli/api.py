"""A caller's side of the HTTP API, as the commands use it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from cli.exits import Exit, Stop

Job = dict[str, Any]
POLL_SECONDS = 25


class CallerSettings(BaseSettings):
    """`TRACKER_URL` and `TRACKER_API_KEY`, from the environment or `.env`."""

    model_config = SettingsConfigDict(
        env_prefix="TRACKER_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    url: str = Field("http://127.0.0.1:8000", description="the service that a caller's commands speak to")
    api_key: SecretStr = Field(description="the key that a caller's commands send")


def caller_settings() -> CallerSettings:
    try:
        return CallerSettings()
    except ValidationError:
        raise Stop("TRACKER_API_KEY is not set; it is the key that your operator gave you.", Exit.USAGE) from None


class Api:
    """Methods return jobs as the API gives them, and raise Stop with one line for whatever goes wrong."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def submit(self, body: Job) -> Job:
        job: Job = self._send("POST", "/v1/jobs", json=body).json()
        return job

    def get(self, job_id: str) -> Job:
        job: Job = self._send("GET", f"/v1/jobs/{job_id}").json()
        return job

    def events(self, job_id: str) -> list[dict[str, Any]]:
        """The first hundred entries of its history, oldest first: all there are."""
        page = self._send("GET", f"/v1/jobs/{job_id}/events", params={"limit": 100}).json()
        events: list[dict[str, Any]] = page["events"]
        return events

    def follow(self, job_id: str) -> Iterator[Job]:
        """The job now, and again at each change, until it is final."""
        response = self._send("GET", f"/v1/jobs/{job_id}")
        while True:
            if response.status_code != httpx.codes.NOT_MODIFIED:
                yield (job := response.json())
                if is_final(job):
                    return
            etag = response.headers["etag"]
            response = self._send(
                "GET", f"/v1/jobs/{job_id}", params={"wait": POLL_SECONDS}, headers={"If-None-Match": etag}
            )

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise Stop(f"{self._http.base_url} cannot be reached: {error}", Exit.UNREACHABLE) from None
        if response.is_error:
            raise _refusal(response)
        return response


@contextmanager
def connect(settings: CallerSettings) -> Iterator[Api]:
    headers = {"X-API-Key": settings.api_key.get_secret_value()}
    with httpx.Client(base_url=settings.url, headers=headers, timeout=POLL_SECONDS + 10) as http:
        yield Api(http)


def is_final(job: Job) -> bool:
    return job["status"] in ("COMPLETED", "FAILED", "CANCELLED")


def _refusal(response: httpx.Response) -> Stop:
    """The problem's own words, with the request id that its log line can be found by."""
    try:
        problem = response.json()
    except ValueError:
        problem = {}
    detail = problem.get("detail", f"HTTP {response.status_code}")
    code = Exit.UNREACHABLE if response.status_code >= 500 else Exit.REFUSED
    return Stop(f"{detail} [request {problem.get('requestId', '?')}]", code)
