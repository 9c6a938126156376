"""PUBLIC_URL: does this very service answer there, and does a webhook get through to it?"""

from contextlib import aclosing
from urllib.parse import urlsplit

import httpx

from cli.doctor.finding import Finding, ok, problem, warning
from tracker.settings import Settings
from tracker.store.connection import UNAVAILABLE, connect
from tracker.store.keys import name

TIMEOUT_SECONDS = 10
_PROXY = "Check that PUBLIC_URL leads to `serve`, through every proxy, and that the service runs."


async def examine(settings: Settings) -> list[Finding]:
    if settings.public_url is None:
        text = "is not set: jobs are followed by polling alone"
        return [warning("PUBLIC_URL", text, "Set it to the https address at which Apiframe reaches this service.")]
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
        try:
            return [
                await _ours(client, settings, settings.public_url),
                await _takes_webhooks(client, settings.public_url),
            ]
        except httpx.HTTPError as error:
            return [problem("PUBLIC_URL", f"{_host(settings)} cannot be reached: {type(error).__name__}", _PROXY)]


async def _ours(client: httpx.AsyncClient, settings: Settings, public_url: str) -> Finding:
    """`/readyz` shows the id that the installation's Redis holds: another one's id is another installation."""
    answer = await client.get(f"{public_url}/readyz")
    if _word(answer, "type").endswith("#store-unavailable"):
        return problem("PUBLIC_URL", "the service there is not ready: it has no Redis", "Mend its Redis first.")
    there = _word(answer, "instance")
    if answer.status_code != httpx.codes.OK or not there:
        return problem("PUBLIC_URL", f"/readyz answers {answer.status_code}, and not as this service does", _PROXY)
    here = await _instance(settings)
    if here == there:
        return ok("PUBLIC_URL", f"{_host(settings)} leads to this very service")
    if here is None:
        return warning("PUBLIC_URL", "the service there may be another's: our Redis cannot tell", "Mend Redis first.")
    text = "an inpaint-tracker answers there, with another Redis than REDIS_URL"
    return problem("PUBLIC_URL", text, "Set PUBLIC_URL and REDIS_URL of one and the same installation.")


async def _instance(settings: Settings) -> str | None:
    """What the Redis of these settings holds: empty where no service has been ready on it; None where it is away."""
    try:
        async with aclosing(connect(settings.redis_url.get_secret_value())) as redis:
            return (await redis.get(name("instance")) or b"").decode()
    except (ValueError, *UNAVAILABLE):
        return None


async def _takes_webhooks(client: httpx.AsyncClient, public_url: str) -> Finding:
    """An unsigned delivery changes nothing: refusing it in our own words shows that webhooks get through."""
    answer = await client.post(f"{public_url}/webhooks/apiframe", json={})
    if answer.status_code == httpx.codes.UNAUTHORIZED and _word(answer, "type").endswith("#signature-refused"):
        return ok("webhooks", "get through, and unsigned ones are refused")
    text = f"an unsigned one is answered {answer.status_code}, and not refused as this service does"
    return problem("webhooks", text, "Let POST /webhooks/apiframe through to `serve` without a login in front of it.")


def _word(answer: httpx.Response, field: str) -> str:
    try:
        document = answer.json()
    except ValueError:
        return ""
    return str(document.get(field, "")) if isinstance(document, dict) else ""


def _host(settings: Settings) -> str | None:
    return urlsplit(settings.public_url or "").hostname
