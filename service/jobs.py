"""The callers' routes: submit a job, get one (now or when it changes), list them, read a history."""

import time
from collections.abc import Set
from functools import partial

import structlog
from starlette.requests import Request
from starlette.responses import Response

from service import queries
from service.answers import answered, job_answer, known_etags, page_answer, visible
from service.auth import Caller
from service.forms import MAX_FORM
from service.requests import media_type, read_chunks
from service.state import State, state_of
from service.submissions import JSON, require_known
from tracker import logs
from tracker.errors import InvalidInput
from tracker.masks import MAX_CHARS
from tracker.store.wire import Stored
from tracker.submission import KEY_RULE, Submission, is_idempotency_key
from tracker.tracing import JOB_ID, METHOD, REPLAYED, ROUTE, STATUS_CODE
from tracker.trail import Trail, read_traceparent

MAX_BODY = MAX_CHARS + 64 * 1024
log = structlog.get_logger()


async def submit(request: Request, caller: Caller) -> Response:
    """Submit an inpaint job.

    Answers at once with the pending job: nothing upstream is waited for. Send an `Idempotency-Key`, since a repeated
    submission is charged again. The same key with another request is a conflict. Every mistake is told at once.
    """
    told = {METHOD: "POST", ROUTE: "/v1/jobs"}
    with state_of(request).tracing.span("POST /v1/jobs", "server", _trail(request), told, begins=True) as span:
        stored, replayed = await _submitted(request, caller, span.trail)
        span.note({STATUS_CODE: 202, JOB_ID: stored.job.id, REPLAYED: replayed})
    return _accepted(stored, replayed)


async def _submitted(request: Request, caller: Caller, trail: Trail) -> tuple[Stored, bool]:
    """The job, and whether it is an earlier one."""
    state = state_of(request)
    judging = await queries.outcome(_judged(request))
    _, key, submission = queries.all_of(partial(queries.only, request, ()), partial(_idempotency_key, request), judging)
    job_id, replayed = await state.intake.take(submission, caller.name, trail, key=key)
    if not replayed:
        logs.about(job_id, trail)
        state.metrics.submitted.labels(caller.name).inc()
        log.info("job taken", owner=caller.name)
        await state.queue.hint(job_id)
    return await visible(state, caller, job_id), replayed


def _trail(request: Request) -> Trail:
    return Trail.of(request.state.request_id, read_traceparent(request.headers.getlist("traceparent")))


GET_QUERY = ("wait", "until")


async def get(request: Request, caller: Caller) -> Response:
    """Get a job.

    By our id or by Apiframe's. `wait` holds the answer until the job changes, so that following it takes no polling.
    """
    state = state_of(request)
    _, wait = queries.all_of(partial(queries.only, request, GET_QUERY), partial(queries.wait, request))
    stored = await visible(state, caller, request.path_params["job_id"])
    known = known_etags(request)
    if wait.seconds and not stored.job.status.is_final:
        stored = await _awaited(state, stored, known - {"*"} or {stored.etag}, wait)
    return answered(stored, known)


LIST_QUERY = ("status", "owner", "parentJobId", "label.*", "createdAfter", "createdBefore", "limit", "cursor")


async def list_jobs(request: Request, caller: Caller) -> Response:
    """List jobs.

    Newest first; every filter that is given must hold. Jobs that come and go while you page neither shift nor repeat
    any. Without `read:all` these are your own.
    """
    state = state_of(request)
    _, wanted, limit = queries.all_of(
        partial(queries.only, request, LIST_QUERY),
        partial(queries.job_filter, request, caller.only_owner),
        partial(queries.limit, request),
    )
    below = state.cursors.open(request.query_params.get("cursor"), scope := ["jobs", repr(wanted)])
    if caller.only_owner and request.query_params.get("owner", caller.name) != caller.name:
        return page_answer("jobs", [], None)
    page = await state.store.page(wanted, limit, below)
    jobs = [stored.job.model_dump(mode="json", by_alias=True) for stored in page.jobs]
    return page_answer("jobs", jobs, state.cursors.seal(page.next_cursor, scope))


EVENTS_QUERY = ("limit", "cursor")


async def events(request: Request, caller: Caller) -> Response:
    """List what happened to a job.

    Oldest first. Of a very long history the first and the last entries are kept.
    """
    state = state_of(request)
    _, limit = queries.all_of(partial(queries.only, request, EVENTS_QUERY), partial(queries.limit, request))
    stored = await visible(state, caller, request.path_params["job_id"])
    after = state.cursors.open(request.query_params.get("cursor"), scope := ["events", stored.job.id])
    entries = [entry for entry in await state.store.history(stored.job.id) if entry.seq > int(after or 0)]
    shown = [entry.model_dump(mode="json", by_alias=True, exclude_none=True) for entry in entries[:limit]]
    following = str(entries[limit - 1].seq) if len(entries) > limit else None
    return page_answer("events", shown, state.cursors.seal(following, scope))


async def _judged(request: Request) -> Submission:
    """JSON, or a form with the mask as a file."""
    require_known(kind := media_type(request))
    body = await read_chunks(request, MAX_BODY if kind == JSON else MAX_FORM)
    return await state_of(request).judges.read(request.headers["content-type"], body)


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not is_idempotency_key(key):
        raise InvalidInput({"Idempotency-Key": [KEY_RULE]})
    return key


async def _awaited(state: State, stored: Stored, known: Set[str], wait: queries.Wait) -> Stored:
    deadline = time.monotonic() + wait.seconds
    with state.feed.watch(stored.job.id) as watcher:
        while True:
            stored = await state.store.get(stored.job.id) or stored
            changed = not wait.until_final and stored.etag not in known
            left = deadline - time.monotonic()
            if stored.job.status.is_final or changed or left <= 0 or watcher.closed:
                return stored
            await watcher.changed(left)


def _accepted(stored: Stored, replayed: bool) -> Response:
    replay = {"Idempotency-Replayed": "true"} if replayed else {}
    return job_answer(stored, 202, Location=f"/v1/jobs/{stored.job.id}", **replay)
