"""Connections to a Redis that Sentinels look after; the address is the one that the service has in REDIS_URL.

redis+sentinel://[user:password@]host[:port][,host[:port] …]/name[/database][?sentinel_password=…&sentinel_username=…]

User and password are those of Redis itself. `rediss+sentinel` speaks TLS to all of them; `ssl_ca_certs` names the file
of an authority of one's own.
"""

import re
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from redis.asyncio import ConnectionPool
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool

SCHEMES = ("redis+sentinel", "rediss+sentinel")
PORT = 26379
OPTIONS = {"sentinel_username", "sentinel_password", "ssl_ca_certs"}
_NODE = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:/@]+)(?::([0-9]{1,5}))?")
_EXPECTED = "expected redis+sentinel://[user:password@]host:port,host:port/name of the primary"


def pool_for(url: str, connect_seconds: float) -> ConnectionPool:
    """To the Redis at this address, or to whichever the Sentinels take for the primary, who are asked at each new
    connection. Raises ValueError, which names no part of the address."""
    if url.partition("://")[0] not in SCHEMES:
        return ConnectionPool.from_url(url, socket_connect_timeout=connect_seconds)
    parts = urlsplit(url)
    login, _, hosts = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    name, _, database = parts.path.strip("/").partition("/")
    options = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    if not name or not re.fullmatch("[0-9]*", database) or set(options) - OPTIONS:
        raise ValueError(_EXPECTED)
    tls = {"ssl": True, "ssl_ca_certs": options.get("ssl_ca_certs")} if parts.scheme == "rediss+sentinel" else {}
    limits: dict[str, Any] = {"socket_connect_timeout": connect_seconds, **tls}
    asking = {"username": options.get("sentinel_username"), "password": options.get("sentinel_password"), **limits}
    sentinels = _Sentinels(  # type: ignore[no-untyped-call]  # redis-py has no types here
        [_node(host) for host in hosts.split(",")], sentinel_kwargs=asking | {"socket_timeout": connect_seconds}
    )
    access = {"username": unquote(user) or None, "password": unquote(password) or None, "db": int(database or 0)}
    return SentinelConnectionPool(  # type: ignore[no-untyped-call]  # as above
        unquote(name), sentinels, **access, **limits
    )


class _Sentinels(Sentinel):
    """Let go again when they were asked: a pool that is closed leaves nothing open."""

    async def discover_master(self, service_name: str) -> tuple[str, int]:
        try:
            found: tuple[str, int] = await super().discover_master(service_name)
            return found
        finally:
            for one in self.sentinels:
                await one.connection_pool.disconnect(inuse_connections=False)


def _node(text: str) -> tuple[str, int]:
    found = _NODE.fullmatch(text)
    if found is None or not 0 < int(found[2] or PORT) < 65536:
        raise ValueError(_EXPECTED)
    return found[1].strip("[]"), int(found[2] or PORT)
