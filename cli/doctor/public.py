"""PUBLIC_URL: does this service answer there, and does a webhook get through to it?"""

from urllib.parse import urlsplit

import httpx

from cli.doctor.finding import Finding, ok, problem, warning
from tracker.settings import Settings

TIMEOUT_SECONDS = 10
_PROXY = "Check that PUBLIC_URL leads to `serve`, through every proxy, and that the service runs."


async def examine(settings: Settings) -> list[Finding]:
    if settings.public_url is None:
        text = "is not set: jobs are followed by polling alone"
        return [warning("PUBLIC_URL", text, "Set it to the https address at which Apiframe reaches this service.")]
    async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
        try:
            return [await _alive(client, settings.public_url), await _takes_webhooks(client, settings.public_url)]
        except httpx.HTTPError as error:
            return [problem("PUBLIC_URL", f"{_host(settings)} cannot be reached: {type(error).__name__}", _PROXY)]


async def _alive(client: httpx.AsyncClient, public_url: str) -> Finding:
    answer = await client.get(f"{public_url}/healthz")
    if answer.status_code == httpx.codes.OK and _word(answer, "status") == "ok":
        return ok("PUBLIC_URL", f"{urlsplit(public_url).hostname} answers")
    return problem("PUBLIC_URL", f"/healthz answers {answer.status_code}, and not as this service does", _PROXY)


async def _takes_webhooks(client: httpx.AsyncClient, public_url: str) -> Finding:
    """An unsigned delivery changes nothing: refusing it in our own words shows that webhooks get through."""
    answer = await client.post(f"{public_url}/webhooks/apiframe", json={})
    if answer.status_code == httpx.codes.UNAUTHORIZED and _word(answer, "type").endswith("signature-refused"):
        return ok("webhooks", "get through, and unsigned ones are refused")
    text = f"an unsigned one is answered {answer.status_code}, and not refused as this service does"
    return problem("webhooks", text, "Let POST /webhooks/apiframe through to `serve` without a login in front of it.")


def _word(answer: httpx.Response, name: str) -> str:
    try:
        document = answer.json()
    except ValueError:
        return ""
    return str(document.get(name, "")) if isinstance(document, dict) else ""


def _host(settings: Settings) -> str | None:
    return urlsplit(settings.public_url or "").hostname
