"""Builds the arq worker from settings. arq brings the process, its signals and the hints; the work is in our loops."""

import asyncio
import os
import time
from contextlib import AsyncExitStack
from functools import partial
from signal import Signals
from typing import Any

import structlog
from arq.worker import Retry, Worker, func
from redis.exceptions import RedisError

from tracker import logs
from tracker.apiframe.client import ApiframeClient
from tracker.clock import Clock, utc_now
from tracker.errors import Unavailable
from tracker.intake import Intake
from tracker.queue import INPAINT, QUEUE_NAME, SUBMIT, connect_queue, deserialize, serialize
from tracker.settings import Settings
from tracker.store.connection import connect
from tracker.store.feed import REPLY_SECONDS, Feed, FeedEntry
from tracker.store.gate import Gate
from tracker.store.jobs import JobStore
from tracker.supervision import keep_running
from tracker.telemetry import begin
from workers import alive, telling, tidy
from workers.account import AccountWatch
from workers.door import Door
from workers.migrate import Migration
from workers.reconcile import Reconciler
from workers.submit import Submitter
from workers.tools import Tools

HEALTH_SECONDS = 10
RESTART_SECONDS = 1
GOODBYE_SECONDS = 2
MANY = 1_000_000
"""A backend's message waits for Redis, or for room in the queue, for as long as arq keeps it: a day."""
KNOCK_SECONDS = 5
KEEP_RESULT_SECONDS = 600
"""arq refuses a message whose id has a result: so long a repetition under the same id is surely the same."""
log = structlog.get_logger()


async def submit(ctx: dict[str, Any]) -> None:
    """The task behind a hint."""
    ctx["submitter"].wake()


async def inpaint(ctx: dict[str, Any], submission: Any) -> dict[str, str]:
    """The task of a backend that submits through the queue."""
    door: Door = ctx["door"]
    try:
        return await door.take(submission, ctx["job_id"])
    except Unavailable as error:
        raise Retry(defer=min(error.retry_after, KNOCK_SECONDS)) from error


def worker_options(settings: Settings, clock: Clock = utc_now) -> dict[str, Any]:
    """The arguments of arq's Worker; also the attributes of its settings class."""

    async def startup(ctx: dict[str, Any]) -> None:
        logs.quieten()
        ctx["stack"] = stack = AsyncExitStack()
        tools = await _tools(stack, settings, clock)
        ctx["submitter"] = _start(stack, tools)
        owners = frozenset(key.name for key in settings.api_keys)
        ctx["door"] = Door(Intake(tools.store, clock), owners, tools.tracing)
        log.info("worker started", webhooks=bool(settings.public_url), max_in_flight=settings.max_in_flight)

    async def shutdown(ctx: dict[str, Any]) -> None:
        await ctx["stack"].aclose()
        log.info("worker stopped")

    return {
        "functions": [
            func(submit, name=SUBMIT, keep_result=0, timeout=5, max_tries=1),
            func(inpaint, name=INPAINT, keep_result=KEEP_RESULT_SECONDS, timeout=30, max_tries=MANY),
        ],
        "queue_name": QUEUE_NAME,
        "redis_pool": connect_queue((settings.queue_redis_url or settings.redis_url).get_secret_value()),
        "on_startup": startup,
        "on_shutdown": shutdown,
        "job_serializer": serialize,
        "job_deserializer": deserialize,
        "health_check_interval": HEALTH_SECONDS,
        "keep_result": 0,
        "max_tries": 1,
        "log_results": False,
    }


async def _tools(stack: AsyncExitStack, settings: Settings, clock: Clock) -> Tools:
    tracing = begin("worker", os.environ)
    stack.callback(tracing.close)
    redis = connect(settings.redis_url.get_secret_value())
    stack.push_async_callback(redis.aclose)
    told = telling.meters(stack, settings)
    apiframe = await stack.enter_async_context(ApiframeClient(settings, told.upstream))
    store = JobStore.of(redis, settings, told.redis)
    stack.push_async_callback(store.aclose)
    return Tools(settings, clock, store, Gate(redis), apiframe, tracing)


def _start(stack: AsyncExitStack, tools: Tools) -> Submitter:
    blocking = connect(tools.settings.redis_url.get_secret_value(), reply_within=REPLY_SECONDS, retries=0)
    stack.push_async_callback(blocking.aclose)
    submitter, feed = Submitter(tools), Feed(blocking)
    feed.listen(lambda entries: submitter.wake() if any(map(_matters, entries)) else None)
    migration = Migration(tools.store.layouts, tools.clock)
    keep_running(stack, "migration", migration.run)
    keep_running(stack, "submit", partial(migration.first, submitter.run))
    keep_running(stack, "reconcile", partial(migration.first, Reconciler(tools).run))
    keep_running(stack, "account", AccountWatch(tools).run)
    keep_running(stack, "tidy", partial(migration.first, partial(tidy.run, tools)))
    keep_running(stack, "feed", feed.run)
    keep_running(stack, "sign of life", alive.run)
    return submitter


def _matters(entry: FeedEntry) -> bool:
    """A job came, or one ended and freed its slot."""
    return entry.status == "PENDING" or entry.status.is_final


class _Worker(Worker):
    """arq's, whose end is bounded: its own goodbye to Redis would otherwise be retried while Redis is away."""

    asked_to_stop = False

    def handle_sig(self, signum: Signals) -> None:
        self.asked_to_stop = True
        super().handle_sig(signum)

    async def close(self) -> None:
        """Our loops first, so that attempts in hand are finished whether or not Redis answers."""
        on_shutdown, self.on_shutdown = self.on_shutdown, None
        if on_shutdown and "stack" in self.ctx:
            await on_shutdown(self.ctx)
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                await self._until_let_go()
                await super().close()
        except (RedisError, OSError) as error:  # a TimeoutError is an OSError
            log.warning("stopped without a goodbye to Redis", error=type(error).__name__)

    async def _until_let_go(self) -> None:
        """What a signal has cancelled goes back to the queue; arq would wait for it here and take that for its own
        cancellation."""
        if self.tasks:
            await asyncio.wait(self.tasks.values())
            self.tasks.clear()


def run(settings: Settings) -> None:
    """Until a signal ends it; arq's worker dies when Redis is away for longer than its patience, ours does not."""
    while True:
        asyncio.set_event_loop(asyncio.new_event_loop())
        worker = _Worker(**worker_options(settings))
        log.info("worker starts")
        alive.give()
        try:
            worker.run()
        except (RedisError, OSError) as error:
            log.warning("worker interrupted", error=type(error).__name__)
        worker.loop.close()  # left to the garbage collector, it would take the next one's signal handlers along
        if worker.asked_to_stop:
            return
        time.sleep(RESTART_SECONDS)
