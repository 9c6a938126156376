"""Apiframe's deliveries: capped raw body, verified, read, applied, and only then answered.

200 means that the change is in Redis. 401 and 413 are for what can never succeed, 503 for what a retry may mend.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.failures import source_of
from service.recorder import Sighting
from service.requests import read_body
from service.state import State, state_of
from tracker import logs
from tracker.apiframe.reading import Unreadable, read_json, report_of
from tracker.apiframe.signature import Delivery
from tracker.apiframe.wording import recall, remember
from tracker.errors import SignatureRefused
from tracker.events import Report
from tracker.ids import as_uuid
from tracker.job import Outcome
from tracker.store.batches import Told
from tracker.tracing import EVENT, JOB_ID, JOB_STATUS, METHOD, OUTCOME, ROUTE, STATUS_CODE, Attributes
from tracker.trail import Trail

WITH_JOB = "/webhooks/apiframe/{job_id}"
MAX_DELIVERY = 256 * 1024
log = structlog.get_logger()


async def receive(request: Request) -> Response:
    """Take a delivery of Apiframe's.

    Answered once the news is in Redis. Refused is what can never succeed, unavailable what a retry may mend.
    """
    state, address = state_of(request), as_uuid(request.path_params.get("job_id", ""))
    with _slowed(request, state), state.recorder.watching(address) as seen:
        body = await read_body(request, MAX_DELIVERY, state.doorstep)
        seen.bytes = len(body)
        await settle(state, seen, state.verifier.verify(body, request.headers.get("x-webhook-signature")))
    return JSONResponse({"jobId": seen.job_id, "outcome": seen.outcome})


@contextmanager
def _slowed(request: Request, state: State) -> Iterator[None]:
    """Who sends wrong signatures again and again is told to wait; a genuine one is never kept waiting."""
    try:
        yield
    except SignatureRefused:
        state.failures.slow_down(source_of(request), "webhook")
        raise


async def settle(state: State, seen: Sighting, delivery: Delivery) -> None:
    """What a genuine delivery brings, whichever way it came; `seen` tells what became of it. Raises StoreUnavailable.

    The job that its address names is not signed, so a hint.
    """
    try:
        report = _read(seen, delivery)
    except Unreadable as error:
        kept = await state.quarantine.keep(delivery, seen.job_id, str(error), state.clock())
        seen.outcome = Outcome.QUARANTINED
        log.warning("webhook quarantined", why=str(error), quarantine_id=kept, job_id=seen.job_id)
        return
    applied = await state.store.apply(report, state.clock(), job_id=seen.job_id, silence=state.silence)
    seen.end(applied.job_id, applied.outcome)
    logs.about(applied.job_id, applied.trail)
    log.info("webhook", outcome=applied.outcome, status=applied.status)
    trace(state, seen, applied.trail, applied.before, applied.status)


def begin(state: State, seen: Sighting, delivery: Delivery, told: Told) -> None:
    """The same as far as it goes without waiting: `told` gets what `JobStore.put` has for it.

    Raises Unreadable, and StoreUnavailable.
    """
    state.store.put(_read(seen, delivery), seen.at, told, job_id=seen.job_id, silence=state.silence)


def tell(seen: Sighting, status: str, trail: Trail) -> None:
    log.info("webhook", job_id=seen.job_id, outcome=seen.outcome, status=status, **trail.names)


def trace(state: State, seen: Sighting, trail: Trail, before: str, status: str) -> None:
    """A delivery that is over, and the job where it has ended by it: both belong to the request that made the job."""
    if not (state.tracing.on and trail.traceparent):
        return
    now, job_id = state.clock(), seen.job_id or ""
    told: Attributes = {
        METHOD: "POST", ROUTE: WITH_JOB, STATUS_CODE: 200, JOB_ID: job_id, JOB_STATUS: status,
        OUTCOME: seen.outcome or "", EVENT: seen.event or "",
    }  # fmt: skip
    state.tracing.past(f"POST {WITH_JOB}", "server", trail, seen.at, now, told)
    state.tracing.moved(trail, job_id, before, status, now)


def _read(seen: Sighting, delivery: Delivery) -> Report:
    seen.bytes, seen.secret_form, seen.key_index = len(delivery.body), delivery.secret_form, delivery.key_index
    if known := recall(delivery):
        seen.document, report = known
        return report
    seen.document = read_json(delivery.body)
    report = report_of(seen.document, delivery.fingerprint)
    remember(delivery.body, seen.document, report)
    return report
