"""Apiframe: `GET /v2/me` with our key and our User-Agent (dossier, section 2.5)."""

import time
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx

from cli.doctor import clock
from cli.doctor.finding import Finding, ok, problem, warning
from tracker.apiframe.protocol import INPAINT_CREDITS
from tracker.settings import Settings

SKEW_SECONDS = 5.0
"""The Date header has whole seconds, and the answer has travelled."""


async def examine(settings: Settings) -> list[Finding]:
    where = urlsplit(settings.apiframe_base_url).hostname
    try:
        answer = await _me(settings)
    except httpx.HTTPError as error:
        text = f"{where} cannot be reached: {type(error).__name__}"
        return [problem("Apiframe", text, "Check APIFRAME_BASE_URL, and that this machine may go out to it.")]
    document = _object(answer)
    if answer.status_code == httpx.codes.OK and document is not None:
        return [*_account(document, settings), *_clock(answer)]
    return [_refused(answer.status_code, is_json=document is not None)]


async def _me(settings: Settings) -> httpx.Response:
    headers = {
        "X-API-Key": settings.apiframe_api_key.get_secret_value().strip(),
        "User-Agent": settings.apiframe_user_agent,
        "Accept": "application/json",
    }
    base = settings.apiframe_base_url.removesuffix("/v2")
    async with httpx.AsyncClient(base_url=base, headers=headers, timeout=settings.apiframe_timeout_seconds) as client:
        return await client.get("/v2/me")


def _refused(status: int, *, is_json: bool) -> Finding:
    match status:
        case 401 | 403 if is_json:
            return problem(
                "Apiframe", f"refuses the key ({status})", "Check APIFRAME_API_KEY: whole, active, not revoked."
            )
        case 429:
            return warning("Apiframe", "asks us to slow down (429)", "Ask again in a minute.")
        case _ if status >= 500:
            return problem("Apiframe", f"is not well ({status})", "Nothing to mend here: jobs wait until it is back.")
        case _:
            remedy = (
                "Check APIFRAME_BASE_URL; if it is right, this machine's address or APIFRAME_USER_AGENT is blocked."
            )
            return problem("Apiframe", f"something in front of it answers {status}", remedy)


def _account(me: Mapping[str, Any], settings: Settings) -> Iterator[Finding]:
    team = me.get("team")
    if not isinstance(team, dict):
        yield ok("Apiframe", "answers and takes the key")
        yield warning(
            "credits", "the key belongs to no team, so Apiframe tells of no credits", "Check the key's account."
        )
        return
    yield ok("Apiframe", f"answers and takes the key; plan {_word(team.get('plan'))}")
    if _is_number(team.get("credits")):
        yield _credits(int(team["credits"]))
    if _is_number(team.get("maxConcurrentJobs")):
        yield _concurrency(int(team["maxConcurrentJobs"]), settings.max_in_flight)


def _credits(left: int) -> Finding:
    text = f"{left} left, enough for {left // INPAINT_CREDITS} inpaint jobs"
    if left >= INPAINT_CREDITS:
        return ok("credits", text)
    few = warning if left > 0 else problem
    return few("credits", text, f"Top up: one job costs {INPAINT_CREDITS}; until then jobs stay PENDING.")


def _concurrency(upstream: int, ours: int) -> Finding:
    if ours <= upstream:
        return ok("concurrency", f"MAX_IN_FLIGHT {ours}, of the plan's {upstream}")
    text = f"MAX_IN_FLIGHT is {ours}, and the plan runs {upstream} at once"
    return warning(
        "concurrency", text, f"Set MAX_IN_FLIGHT={upstream}, so that the rest waits here, where it can be cancelled."
    )


def _clock(answer: httpx.Response) -> Iterator[Finding]:
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except (TypeError, ValueError):
        return
    yield clock.compare("Apiframe's clock", theirs - time.time(), SKEW_SECONDS)


def _object(answer: httpx.Response) -> dict[str, Any] | None:
    try:
        document = answer.json()
    except ValueError:
        return None
    return document if isinstance(document, dict) else None


def _word(value: Any) -> str:
    return value if isinstance(value, str) and value.isprintable() and len(value) <= 40 else "unknown"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
