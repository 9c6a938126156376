"""The yardstick for streams: bare ASGI with one reader of Redis, which passes on what an entry holds, nothing else.

No key, no filter, no resumption, no heartbeat, no bound on who is slow. uvicorn bench.bare:app
"""

import asyncio
import os
from typing import Any

from redis.asyncio import Redis

KEY = "bench:bare"
listeners: set["asyncio.Queue[bytes]"] = set()


async def _read(redis: "Redis") -> None:
    last = "$"
    while True:
        for _, entries in await redis.xread({KEY: last}, block=1000) or ():
            last = entries[-1][0]
            frames = [b"id: %b\nevent: job\ndata: %b\n\n" % (entry_id, fields[b"job"]) for entry_id, fields in entries]
            for queue in listeners:
                for frame in frames:
                    queue.put_nowait(frame)


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await receive()
        redis = Redis.from_url(os.environ["REDIS_URL"])
        reader = asyncio.create_task(_read(redis))
        await send({"type": "lifespan.startup.complete"})
        await receive()
        reader.cancel()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
    if scope["path"] == "/readyz":
        await send({"type": "http.response.body", "body": b"ok"})
        return
    await send({"type": "http.response.body", "body": b": hello\n\n", "more_body": True})
    queue: asyncio.Queue[bytes] = asyncio.Queue()
    listeners.add(queue)
    try:
        while True:
            await send({"type": "http.response.body", "body": await queue.get(), "more_body": True})
    finally:
        listeners.discard(queue)
