"""What is opened when the service starts, and closed in the opposite order when it stops."""

import os
from contextlib import AsyncExitStack
from datetime import timedelta

import structlog

from service.aside.judges import Judges
from service.auth import Keyring
from service.cursors import Cursors
from service.failures import Failures
from service.farewell import at_stop_signal
from service.images.gallery import Gallery
from service.live.broadcast import Broadcast
from service.metrics import Metrics
from service.recorder import Recorder
from service.room import Room
from service.sessions import Sessions
from service.state import State
from service.upstream import Upstream
from tracker.apiframe.signature import Verifier
from tracker.clock import Clock
from tracker.errors import StoreUnavailable
from tracker.intake import Intake
from tracker.lookups import Lookups
from tracker.queue import Queue
from tracker.settings import Settings
from tracker.store.audit import Audit
from tracker.store.changes import Changes
from tracker.store.connection import connect
from tracker.store.deliveries import Deliveries
from tracker.store.feed import REPLY_SECONDS, Feed
from tracker.store.gate import Gate
from tracker.store.jobs import JobStore
from tracker.store.quarantine import Quarantine
from tracker.store.signedout import SignedOut
from tracker.supervision import keep_running
from tracker.telemetry import begin

ROOM, DOORSTEP = 96 * 1024 * 1024, 32 * 1024 * 1024
"""Bytes of large bodies at once, of callers and of webhooks: 8 submissions of the largest size, 136 deliveries."""
log = structlog.get_logger()


async def open_state(stack: AsyncExitStack, settings: Settings, clock: Clock) -> State:
    """Redis need not be there yet: the service starts, says that it is not ready, and finds it by itself."""
    tracing = begin("service", os.environ)
    stack.callback(tracing.close)
    url = settings.redis_url.get_secret_value()
    redis, blocking = connect(url), connect(url, reply_within=REPLY_SECONDS, retries=0)
    queue = Queue((settings.queue_redis_url or settings.redis_url).get_secret_value())
    for opened in (redis, blocking, queue):
        stack.push_async_callback(opened.aclose)
    feed, changes = Feed(blocking), Changes(redis)
    broadcast = Broadcast(changes, feed)
    keep_running(stack, "feed", feed.run)
    keep_running(stack, "broadcast", broadcast.run)
    keep_running(stack, "heartbeat", broadcast.beat)
    stack.callback(feed.close)
    at_stop_signal(stack, feed.close)
    metrics, retention = Metrics(settings), timedelta(days=settings.retention_days)
    store, deliveries = JobStore.of(redis, settings, metrics.meters.redis), Deliveries(redis, retention)
    stack.push_async_callback(store.aclose)
    metrics.listeners.set_function(lambda: broadcast.listeners)
    failures, recorder = Failures(metrics.throttled), Recorder(deliveries, metrics, clock)
    sessions = Sessions(SignedOut(redis), clock, *settings.signing_keys)
    stack.push_async_callback(recorder.close)
    keep_running(stack, "deliveries", recorder.run)
    audit = Audit(redis, retention)
    stack.push_async_callback(_write_the_last, audit)
    upstream = Upstream(settings, metrics.meters.upstream)
    stack.push_async_callback(upstream.aclose)
    gallery = Gallery(upstream, metrics, settings.apiframe_timeout_seconds / 2)
    stack.push_async_callback(gallery.aclose)
    judges = Judges()
    stack.push_async_callback(judges.close)
    state = State(
        settings=settings,
        clock=clock,
        store=store,
        gate=Gate(redis),
        deliveries=deliveries,
        quarantine=Quarantine(redis, retention),
        audit=audit,
        recorder=recorder,
        intake=Intake(store, clock),
        lookups=Lookups(settings, clock, store, upstream, tracing),
        feed=feed,
        changes=changes,
        broadcast=broadcast,
        queue=queue,
        keyring=Keyring(settings.api_keys, failures, metrics.key_refusals, sessions),
        sessions=sessions,
        verifier=Verifier(settings.signing_keys, settings.apiframe_signature_secret),
        metrics=metrics,
        cursors=Cursors(*settings.signing_keys),
        failures=failures,
        room=Room(ROOM),
        doorstep=Room(DOORSTEP),
        gallery=gallery,
        judges=judges,
        tracing=tracing,
    )
    await _warn(state)
    return state


async def _warn(state: State) -> None:
    if not state.settings.api_keys:
        log.warning("API_KEYS is not set: nobody can call the API")
    try:
        await state.store.ready()
    except StoreUnavailable as error:
        log.warning("started, and cannot work yet", error=str(error))


async def _write_the_last(audit: Audit) -> None:
    try:
        await audit.flush()
    except StoreUnavailable as error:
        log.error("entries of the audit list are in the log alone", error=str(error))
