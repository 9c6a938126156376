"""What is done to a job that is there: cancel it, ask upstream about it, or make it one's own."""

from typing import cast

import structlog
from starlette.requests import Request
from starlette.responses import Response

from service import audit, queries
from service.answers import job_answer, visible
from service.auth import Caller
from service.requests import read_json
from service.state import State, state_of
from tracker import logs
from tracker.apiframe import protocol
from tracker.errors import Conflict, NotFound, UpstreamUnavailable
from tracker.events import Report, Withdrawn
from tracker.job import Outcome, Status
from tracker.store.jobs import Tracked
from tracker.store.wire import Stored
from tracker.submission import TrackRequest, read_model

MAX_BODY = 64 * 1024
NOT_ACCEPTED = "Apiframe has not accepted it yet, so there is nothing to ask about."
log = structlog.get_logger()


async def cancel(request: Request, caller: Caller) -> Response:
    """Cancel a job.

    Possible while it is `PENDING` and not being submitted; after that it is a conflict, since Apiframe offers no
    cancel. Your own; with `ops`, anyone's.
    """
    state = state_of(request)
    queries.only(request, ())
    stored = await visible(state, caller, request.path_params["job_id"])
    if not caller.owns(stored.job):
        raise NotFound("There is no such job, or it is not yours to cancel.")
    applied = await state.store.apply(
        Withdrawn(caller.name), state.clock(), job_id=stored.job.id, silence=state.silence
    )
    stored = await state.store.get(stored.job.id) or stored
    if applied.status is not Status.CANCELLED or stored.job.upstream_job_id is not None:
        raise Conflict(too_late(stored.job.status))
    state.tracing.moved(applied.trail, applied.job_id, applied.before, applied.status, state.clock())
    log.info("cancelled", by=caller.name)
    if stored.job.owner != caller.name:
        about = {"owner": stored.job.owner, "outcome": applied.outcome}
        await audit.note(state, caller, "job.cancel", job_id=stored.job.id, **about)
    return job_answer(stored)


def too_late(status: Status) -> str:
    """Why a job cannot be cancelled."""
    if status is Status.PENDING:
        return "It is being submitted right now, or Apiframe may have it already; Apiframe offers no cancel."
    return f"It is {status}: only a pending job can be cancelled, since Apiframe offers no cancel."


async def refresh(request: Request, caller: Caller) -> Response:
    """Ask Apiframe about a job now.

    The service does so by itself when a job has been silent for a while. A conflict before Apiframe has accepted it.
    """
    state = state_of(request)
    queries.only(request, ())
    stored = await visible(state, caller, request.path_params["job_id"])
    if stored.job.upstream_job_id is None:
        raise Conflict(NOT_ACCEPTED)
    result = await state.lookups.ask(stored.job.id)
    await audit.note(state, caller, "job.refresh", job_id=stored.job.id, owner=stored.job.owner)
    _require_answer(result)
    return job_answer(await state.store.get(stored.job.id) or stored)


async def track(request: Request, caller: Caller) -> Response:
    """Track a job that you submitted to Apiframe yourself.

    Looked up there if nothing is known of it yet; from then on it is yours, with your labels. A conflict if another
    caller tracks it already.
    """
    state = state_of(request)
    queries.only(request, ())
    wanted = read_model(TrackRequest, await read_json(request, MAX_BODY))
    stored, created = await state.store.find_upstream(wanted.upstream_job_id), False
    if stored is None:
        stored, created = await _register(state, wanted, caller)
    if stored.job.owner != caller.name:
        stored = await _take_over(state, stored, wanted, caller)
    if wanted.labels and dict(stored.job.labels) != dict(wanted.labels):
        raise Conflict(f"You have it as job {stored.job.id} already, with other labels, which cannot be changed.")
    return job_answer(stored, 201 if created else 200, Location=f"/v1/jobs/{stored.job.id}")


async def _register(state: State, wanted: TrackRequest, caller: Caller) -> tuple[Stored, bool]:
    """A stranger of the caller's, as upstream tells of it now; and whether it was nobody's until now."""
    result = await state.lookups.apiframe.job(wanted.upstream_job_id)
    if isinstance(result, protocol.Missing):
        raise NotFound("Apiframe knows no such job, or it belongs to another user of Apiframe than our key.")
    report = cast(Report, _require_answer(result))
    tracked = Tracked(caller.name, wanted.labels)
    applied = await state.store.apply(report, state.clock(), job_id=None, silence=state.silence, tracked_by=tracked)
    logs.about(applied.job_id, applied.trail)
    log.info("tracked", owner=caller.name)
    return cast(Stored, await state.store.get(applied.job_id)), applied.outcome is Outcome.ADOPTED


async def _take_over(state: State, stored: Stored, wanted: TrackRequest, caller: Caller) -> Stored:
    """A delivery came first and made it nobody's. One that is somebody's stays so."""
    if not await state.store.own(stored.job.id, Tracked(caller.name, wanted.labels), state.clock()):
        again = await state.store.get(stored.job.id)
        if again is None or again.job.owner != caller.name:
            raise Conflict("This job of Apiframe's is tracked by another caller already.")
    return cast(Stored, await state.store.get(stored.job.id))


def _require_answer(result: protocol.LookupResult | None) -> protocol.LookupResult | None:
    """Raises UpstreamUnavailable for everything but a report or a 404."""
    match result:
        case None | Report() | protocol.Missing():
            return result
        case protocol.RateLimited():
            raise UpstreamUnavailable("Apiframe asks us to slow down.", max(1, round(result.retry_after)))
        case _:
            raise UpstreamUnavailable(f"Apiframe could not be asked: {result.message}", 5)
