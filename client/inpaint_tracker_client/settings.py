"""Which service, and with which key: from arguments, else from TRACKER_URL and TRACKER_API_KEY."""

import os
from dataclasses import dataclass, field

import httpx

from inpaint_tracker_client.errors import NotConfigured


@dataclass(frozen=True)
class Access:
    url: str
    api_key: str = field(repr=False)


def access(url: str | None, api_key: str | None) -> Access:
    """Raises NotConfigured, in words that hold neither the key nor the url, which may hold one."""
    return Access(
        _url(url or os.environ.get("TRACKER_URL", "")), _key(api_key or os.environ.get("TRACKER_API_KEY", ""))
    )


def _url(given: str) -> str:
    if not given:
        raise NotConfigured("no service: pass url or set TRACKER_URL, such as https://tracker.example.com")
    try:
        url = httpx.URL(given)
    except httpx.InvalidURL:
        raise NotConfigured("the url (TRACKER_URL) cannot be read") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise NotConfigured("the url (TRACKER_URL) must start with https:// or http:// and name a host")
    if url.userinfo or url.query or url.fragment:
        raise NotConfigured("the url (TRACKER_URL) must hold no user, password, query or fragment")
    return str(url).rstrip("/")


def _key(given: str) -> str:
    key = given.strip()
    if not key:
        raise NotConfigured("no API key: pass api_key or set TRACKER_API_KEY; the service's operator gives you one")
    if not (key.isascii() and key.isprintable()):
        raise NotConfigured("the API key (TRACKER_API_KEY) holds characters that no key has; is it whole?")
    return key
