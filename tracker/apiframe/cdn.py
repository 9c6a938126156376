"""Result images from upstream's CDN: listed hosts alone, bounded in size and time, and no credentials.

The addresses come from signed deliveries and from lookups, and still lead nowhere but to `APIFRAME_CDN_HOSTS`: what an
address names is decided by the very parsed value that is then fetched, so that no two parsers can read it differently.
"""

import asyncio
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Self

import httpx

from tracker.errors import Gone, UpstreamFault, UpstreamUnavailable
from tracker.settings import Settings

MAX_BYTES = 32 * 1024 * 1024
MAX_HOPS = 3
CONNECTIONS = 8
RETRY_AFTER = 5
_PORTS = {"https": 443, "http": 80}
_GONE = (404, 410)
_BUSY = (408, 425, 429)
_NO_ANSWER = (httpx.HTTPError, TimeoutError, AttributeError)
"""The last is httpcore's under uvloop; see `tracker.apiframe.client`."""


class Cdn:
    def __init__(self, settings: Settings) -> None:
        self._seconds = settings.apiframe_timeout_seconds
        self._hosts = settings.cdn_hosts
        self._schemes = {"https", httpx.URL(settings.apiframe_base_url).scheme}
        self._http = httpx.AsyncClient(
            timeout=httpx.Timeout(self._seconds, connect=self._seconds / 4),
            limits=httpx.Limits(max_connections=CONNECTIONS, keepalive_expiry=30.0),
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),  # none is kept, so none is sent
            headers={
                "User-Agent": settings.apiframe_user_agent,
                "Accept": "image/*",
                "Accept-Encoding": "identity",  # what is unpacked may be a thousand times as large
            },
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def fetch(self, url: str) -> bytes:
        """The file, at most `MAX_BYTES`, in `APIFRAME_TIMEOUT_SECONDS` in whole.

        Raises Gone, UpstreamFault for what is there and cannot be used, UpstreamUnavailable where nothing is answered.
        """
        try:
            async with asyncio.timeout(self._seconds):
                return await self._followed(url)
        except _NO_ANSWER as error:
            raise _unavailable(type(error).__name__) from None

    async def _followed(self, url: str) -> bytes:
        """By way of redirects, each of which leads to a listed host or ends it."""
        target = self._listed("", url)
        for _ in range(MAX_HOPS + 1):
            async with self._http.stream("GET", target) as answer:
                if not answer.has_redirect_location:
                    return await _content(answer)
                target = self._listed(target, answer.headers["location"])
        raise UpstreamFault(f"The image's address is redirected more than {MAX_HOPS} times.")

    def _listed(self, base: httpx.URL | str, address: str) -> httpx.URL:
        """`address`, seen from `base`. Raises UpstreamFault unless it is one that may be fetched."""
        try:
            url = httpx.URL(base).join(address)
        except (httpx.InvalidURL, ValueError):  # the latter for a port that is none, and hosts that IDNA refuses
            raise UpstreamFault("The image's address cannot be read.") from None
        if url.scheme not in self._schemes:
            raise UpstreamFault(f"The image's address is not {' or '.join(sorted(self._schemes))}.")
        host, port = url.raw_host.decode("ascii"), url.port or _PORTS[url.scheme]
        usual = None if port == _PORTS[url.scheme] else port
        if url.userinfo or not {(host, usual), (host, port)} & self._hosts:
            raise UpstreamFault("The image lies at a host that is not one of APIFRAME_CDN_HOSTS.")
        return url


async def _content(answer: httpx.Response) -> bytes:
    if answer.status_code in _GONE:
        raise Gone("Apiframe has deleted the image.")
    if answer.status_code in _BUSY or answer.status_code >= 500:
        raise _unavailable(str(answer.status_code))
    if answer.status_code != 200:
        raise UpstreamFault(f"Where the image should be, Apiframe's CDN answers {answer.status_code}.")
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise UpstreamFault("Apiframe's CDN sends the image packed, which nobody asked for.")
    _require_sane(_declared(answer))
    content = bytearray()
    async for chunk in answer.aiter_raw():
        content += chunk
        _require_sane(len(content))
    return bytes(content)


def _declared(answer: httpx.Response) -> int:
    given = answer.headers.get("content-length", "")
    return int(given[:18]) if given.isascii() and given.isdecimal() else 0


def _require_sane(size: int) -> None:
    if size > MAX_BYTES:
        raise UpstreamFault(f"The image has more than {MAX_BYTES:,} bytes.")


def _unavailable(why: str) -> UpstreamUnavailable:
    return UpstreamUnavailable(f"Apiframe's CDN gives no image at the moment ({why}).", RETRY_AFTER)
