"""A pool of connections to the Redis at an address, or to whichever Redis its Sentinels take for the primary."""

from typing import Any

from redis.asyncio import ConnectionPool
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool

from tracker.sentinels import Watched, is_watched, parse

ASK_SECONDS = 0.8


def pool_for(url: str, **options: Any) -> ConnectionPool:
    """`options` are those of a connection. Raises ValueError for an address that cannot be read."""
    if not is_watched(url):
        return ConnectionPool.from_url(url, **options)
    at = parse(url)
    access = {"username": at.username, "password": at.password, "db": at.database, **_tls(at)}
    return SentinelConnectionPool(at.name, _Sentinels(at), **access, **options)  # type: ignore[no-untyped-call]


def _tls(at: Watched) -> dict[str, Any]:
    return {"ssl": True, "ssl_ca_certs": at.ca_file} if at.tls else {}


class _Sentinels(Sentinel):
    """Asked at each new connection, and let go again: a pool that is closed leaves nothing open."""

    def __init__(self, at: Watched) -> None:
        asking = {
            "username": at.sentinel_username, "password": at.sentinel_password, **_tls(at),
            "socket_timeout": ASK_SECONDS, "socket_connect_timeout": ASK_SECONDS,
        }  # fmt: skip
        super().__init__(at.nodes, sentinel_kwargs=asking)  # type: ignore[no-untyped-call]

    async def discover_master(self, service_name: str) -> tuple[str, int]:
        try:
            found: tuple[str, int] = await super().discover_master(service_name)
            return found
        finally:
            for one in self.sentinels:
                await one.connection_pool.disconnect(inuse_connections=False)
