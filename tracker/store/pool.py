"""A pool of connections to the Redis at an address, or to whichever Redis its Sentinels take for the primary."""

import asyncio
from typing import Any

from redis.asyncio import ConnectionPool
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.exceptions import TimeoutError as RedisTimeoutError

from tracker.sentinels import Watched, is_watched, parse

ASK_SECONDS = 0.8


def pool_for(url: str, within: float | None = None, **options: Any) -> ConnectionPool:
    """`options` are those of a connection; `within` so many seconds there must be one, and within `ASK_SECONDS` more
    for each Sentinel that may have to be asked first. Raises ValueError for an address that cannot be read."""
    pool: _Pool
    if is_watched(url):
        at = parse(url)
        access = {"username": at.username, "password": at.password, "db": at.database, **_tls(at)}
        pool = _WatchedPool(  # type: ignore[no-untyped-call]  # redis-py has no types here
            at.name, _Sentinels(at), **access, **options
        )
        within = within and within + ASK_SECONDS * len(at.nodes)
    else:
        pool = _Pool.from_url(url, **options)
    pool.within = within
    return pool


class _Pool(ConnectionPool):
    """redis-py makes one connection after the other. Of a Redis that says nothing each takes a second, and of fifty who
    want one the last would wait for a minute."""

    within: float | None = None

    async def get_connection(self, *args: Any, **options: Any) -> AbstractConnection:
        try:
            async with asyncio.timeout(self.within):
                connection: AbstractConnection = await super().get_connection(*args, **options)
                return connection
        except TimeoutError:
            raise RedisTimeoutError("No connection in time.") from None


class _WatchedPool(_Pool, SentinelConnectionPool):
    """To whom the Sentinels name."""


def _tls(at: Watched) -> dict[str, Any]:
    return {"ssl": True, "ssl_ca_certs": at.ca_file} if at.tls else {}


class _Sentinels(Sentinel):
    """Asked at each new connection, and let go again: a pool that is closed leaves nothing open."""

    def __init__(self, at: Watched) -> None:
        asking = {
            "username": at.sentinel_username, "password": at.sentinel_password, **_tls(at),
            "socket_timeout": ASK_SECONDS, "socket_connect_timeout": ASK_SECONDS,
        }  # fmt: skip
        super().__init__(at.nodes, sentinel_kwargs=asking)  # type: ignore[no-untyped-call]  # as above

    async def discover_master(self, service_name: str) -> tuple[str, int]:
        try:
            found: tuple[str, int] = await super().discover_master(service_name)
            return found
        finally:
            for one in self.sentinels:
                await one.connection_pool.disconnect(inuse_connections=False)
