"""The address of a Redis that Sentinels look after.

redis+sentinel://[user:password@]host[:port][,host[:port] …]/name[/database][?sentinel_password=…&sentinel_username=…]

User and password are those of Redis itself. `rediss+sentinel` speaks TLS to Redis and to the Sentinels;
`ssl_ca_certs` names the file of an authority of one's own.
"""

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

SCHEMES = ("redis+sentinel", "rediss+sentinel")
PORT = 26379
OPTIONS = {"sentinel_username", "sentinel_password", "ssl_ca_certs"}
EXPECTED = "expected redis+sentinel://[user:password@]host:port,host:port/name of the primary"
_ADDRESS = re.compile(r"([a-z+]+)://([^/?#]*)([^?#]*)(?:\?([^#]*))?")
"""Not by `urlsplit`: that of Debian's Python, mended since, refuses brackets after a comma."""
_NODE = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:/@]+)(?::([0-9]{1,5}))?")


@dataclass(frozen=True)
class Watched:
    """`nodes`: host and port of each Sentinel; `name`: of the primary, as the Sentinels know it."""

    nodes: tuple[tuple[str, int], ...]
    name: str
    database: int
    tls: bool
    username: str | None
    password: str | None
    sentinel_username: str | None
    sentinel_password: str | None
    ca_file: str | None


def is_watched(url: str) -> bool:
    return url.partition("://")[0] in SCHEMES


def parse(url: str) -> Watched:
    """Raises ValueError, which names no part of the address."""
    scheme, netloc, path, query = _parts(url)
    login, _, hosts = netloc.rpartition("@")
    username, _, password = login.partition(":")
    name, _, database = path.strip("/").partition("/")
    options = dict(parse_qsl(query, strict_parsing=bool(query)))
    if not name or not re.fullmatch("[0-9]*", database) or set(options) - OPTIONS:
        raise ValueError(EXPECTED)
    return Watched(
        nodes=tuple(map(_node, hosts.split(","))),
        name=unquote(name),
        database=int(database or 0),
        tls=scheme == "rediss+sentinel",
        username=unquote(username) or None,
        password=unquote(password) or None,
        sentinel_username=options.get("sentinel_username"),
        sentinel_password=options.get("sentinel_password"),
        ca_file=options.get("ssl_ca_certs"),
    )


def _parts(url: str) -> tuple[str, str, str, str]:
    found = _ADDRESS.fullmatch(url)
    if found is None:
        raise ValueError(EXPECTED)
    scheme, netloc, path, query = found.groups("")
    return scheme, netloc, path, query


def _node(text: str) -> tuple[str, int]:
    found = _NODE.fullmatch(text)
    if found is None or not 0 < int(found[2] or PORT) < 65536:
        raise ValueError("expected host or host:port of each Sentinel, with commas between them")
    return found[1].strip("[]"), int(found[2] or PORT)
