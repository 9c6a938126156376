"""The store's readings and its side effects, on a real Redis."""

import asyncio
from datetime import timedelta

import pytest
from redis.asyncio import Redis

from tests.samples import REFUSED, SILENCE, START, WEBHOOKS, Sample, delivered, looked_up, pending_job, upstream_id
from tracker.clock import to_ms
from tracker.errors import Conflict, NotFound, StoreUnavailable
from tracker.events import Accepted, Deferred, Expired, Missing, Withdrawn
from tracker.job import FailureCode, Outcome, Source, Status
from tracker.store.connection import connect
from tracker.store.jobs import JobStore
from tracker.store.keys import name
from tracker.store.pages import Filter
from tracker.store.work import Claim
from tracker.transitions import State


async def claim(store: JobStore, at: int = 0, limit: int = 50) -> Claim:
    moment = START + timedelta(seconds=at)
    return await store.work.claim(moment, lease=timedelta(seconds=30), max_in_flight=limit, webhooks=WEBHOOKS)


async def many(store: JobStore, count: int, owner: str = "editor") -> list[str]:
    """Ids of new jobs, oldest first."""
    jobs = [pending_job(START + timedelta(milliseconds=n), owner=owner) for n in range(count)]
    for job in jobs:
        await store.create(job, b"PNG")
    return [job.id for job in jobs]


# Creation


async def test_a_new_job_reads_back_as_it_was_written(store: JobStore) -> None:
    """Every field of it."""
    job = pending_job()
    assert await store.create(job, b"PNG") == (job.id, False)
    stored = await store.get(job.id)
    assert stored is not None
    assert stored.job == job


async def test_the_mask_lies_outside_the_job_and_has_a_short_life(store: JobStore, redis: Redis) -> None:
    """Its bytes are in no field of the record."""
    job = pending_job()
    await store.create(job, b"MASK-BYTES")
    assert await store.mask(job.id) == b"MASK-BYTES"
    assert b"MASK-BYTES" not in await redis.get(name("job", job.id))
    assert 0 < await redis.ttl(name("mask", job.id)) <= 25 * 3600


async def test_creating_the_same_job_again_does_nothing(store: JobStore) -> None:
    """The answer of the first call was lost on the way, and redis-py tried again."""
    job = pending_job()
    await store.create(job, b"PNG", ("key", "body"))
    assert await store.create(job, b"PNG", ("key", "body")) == (job.id, False)
    assert len(await store.history(job.id)) == 1


async def test_an_idempotency_key_gives_the_first_job_again(store: JobStore) -> None:
    """For the same owner and body; another owner's key is another key."""
    first, second, others = pending_job(), pending_job(), pending_job(owner="shop")
    await store.create(first, b"PNG", ("key", "body"))
    assert await store.create(second, b"PNG", ("key", "body")) == (first.id, True)
    assert await store.create(others, b"PNG", ("key", "body")) == (others.id, False)
    with pytest.raises(Conflict, match=first.id):
        await store.create(second, b"PNG", ("key", "another body"))


async def test_equal_submissions_at_the_same_instant_make_one_job(store: JobStore) -> None:
    """Fifty of them."""
    answers = await asyncio.gather(*[store.create(pending_job(), b"PNG", ("key", "body")) for _ in range(50)])
    assert len({job_id for job_id, _ in answers}) == 1
    assert [replayed for _, replayed in answers].count(False) == 1


# Claiming


async def test_jobs_are_claimed_in_the_order_of_their_creation(store: JobStore) -> None:
    """Oldest first."""
    ids = await many(store, 5)
    assert [(await claim(store, 1)).job_id for _ in ids] == ids


async def test_a_claimed_job_is_given_to_nobody_else_until_its_lease_ends(store: JobStore) -> None:
    """Then it comes back by itself: the worker that had it may be dead."""
    [job_id] = await many(store, 1)
    assert (await claim(store, 1)).job_id == job_id
    assert await claim(store, 30) == Claim()
    assert (await claim(store, 31)).job_id == job_id


async def test_a_hundred_claims_at_once_give_each_job_once(redis_url: str, store: JobStore) -> None:
    """From several connections."""
    ids = await many(store, 40)
    claims = await asyncio.gather(*[claim(store, 1) for _ in range(100)])
    assert sorted(found.job_id for found in claims if found.job_id) == ids


async def test_no_more_jobs_are_in_flight_than_allowed(store: JobStore) -> None:
    """A job that ends, or is put off, gives its slot back."""
    ids = await many(store, 3)
    await claim(store, 1, limit=2)
    await claim(store, 1, limit=2)
    assert (await claim(store, 1, limit=2)).full
    later = START + timedelta(seconds=9)
    await store.apply(Deferred("503", later), START, job_id=ids[0], silence=SILENCE)
    assert (await claim(store, 1, limit=2)).job_id == ids[2]


async def test_an_unknown_outcome_keeps_its_slot_and_may_use_it_again(store: JobStore) -> None:
    """Upstream may have that job, so it counts; and its repetition must not wait for another slot."""
    [job_id, _] = await many(store, 2)
    await claim(store, 1, limit=1)
    again = START + timedelta(seconds=5)
    await store.apply(Deferred("504", again, outcome_unknown=True), START, job_id=job_id, silence=SILENCE)
    assert (await claim(store, 2, limit=1)).full
    assert (await claim(store, 5, limit=1)).job_id == job_id


async def test_the_address_for_webhooks_stays_that_of_the_first_attempt(store: JobStore) -> None:
    """Repetitions must send the same bytes under the same key, also after PUBLIC_URL was changed."""
    [job_id] = await many(store, 1)
    await claim(store, 1)
    await store.work.claim(
        START + timedelta(hours=1), lease=SILENCE, max_in_flight=1, webhooks="https://other.example/"
    )
    stored = await store.get(job_id)
    assert stored is not None
    assert stored.webhook_url == WEBHOOKS + job_id
    assert stored.attempts == 2


# What a transition takes along


async def test_the_mask_goes_when_upstream_has_accepted(sample: Sample) -> None:
    """By the worker's answer."""
    await sample.in_state(State.PENDING)
    await sample.apply(Accepted(sample.up, Status.QUEUED))
    assert await sample.store.mask(sample.job.id) is None


async def test_the_mask_goes_when_upstream_has_refused(sample: Sample) -> None:
    """For good."""
    await sample.in_state(State.PENDING)
    await sample.apply(REFUSED)
    assert await sample.store.mask(sample.job.id) is None
    job = await sample.now()
    assert job.error is not None
    assert (job.status, job.error.code, job.submitted_at) == (Status.FAILED, FailureCode.REJECTED, None)


async def test_the_mask_stays_while_the_submission_may_be_repeated(sample: Sample) -> None:
    """A 503 is no refusal."""
    await sample.in_state(State.PENDING)
    await sample.apply(Deferred("503", START))
    assert await sample.store.mask(sample.job.id) == b"PNG"


async def test_times_are_in_order_whatever_the_clocks_say(sample: Sample) -> None:
    """Upstream's completedAt lies before our submission: its clock is behind ours."""
    await sample.in_state(State.PENDING)
    await sample.apply(delivered(sample.up, Status.COMPLETED, completed_at=START - timedelta(days=1)))
    job = await sample.now()
    assert job.submitted_at is not None
    assert job.started_at is not None
    assert job.completed_at is not None
    assert job.created_at <= job.submitted_at <= job.started_at <= job.completed_at
    assert job.result_expires_at == job.completed_at + timedelta(hours=24)


async def test_upstreams_completed_at_is_taken_where_it_gives_one(sample: Sample) -> None:
    """Not the moment at which we learned it, and never one in the future."""
    await sample.in_state(State.PROCESSING)
    ended = START + timedelta(seconds=4)
    await sample.apply(looked_up(sample.up, Status.COMPLETED, completed_at=ended))
    assert (await sample.now()).completed_at == ended


async def test_dossier_13_21_expired_files_lower_the_promise(sample: Sample) -> None:
    """24 h is advisory; upstream's `expired` overrides it."""
    await sample.in_state(State.COMPLETED)
    applied = await sample.apply(looked_up(sample.up, Status.COMPLETED, expired=True))
    job = await sample.now()
    assert applied.outcome is Outcome.NOTED
    assert job.result_expires_at is not None
    assert job.result_expires_at < START + timedelta(minutes=1)


async def test_settled_by_says_how_the_end_became_known(sample: Sample) -> None:
    """A poll means a lost webhook."""
    await sample.in_state(State.PROCESSING)
    await sample.apply(looked_up(sample.up, Status.COMPLETED))
    assert (await sample.now()).settled_by is Source.POLL


async def test_a_lost_job_that_comes_back_is_no_longer_a_failure(sample: Sample, redis: Redis) -> None:
    """Its error goes, and it holds a slot again."""
    await sample.in_state(State.INFERRED)
    await sample.apply(delivered(sample.up, Status.PROCESSING, progress=60))
    job = await sample.now()
    assert (job.status, job.error, job.completed_at, job.settled_by) == (Status.PROCESSING, None, None, None)
    assert await redis.zscore(name("inflight"), job.id) is not None


# Whose news is it?


async def test_dossier_13_05_a_delivery_never_changes_the_job_in_its_address_if_its_body_names_anothers(
    store: JobStore,
) -> None:
    """The upstream id decides."""
    first, second = Sample(store), Sample(store)
    await first.in_state(State.PROCESSING)
    await second.in_state(State.PROCESSING)
    applied = await first.apply(delivered(second.up, Status.COMPLETED), first.job.id)
    assert applied.job_id == second.job.id
    assert (await first.now()).status is Status.PROCESSING


async def test_a_delivery_does_not_bind_a_job_that_was_never_tried(store: JobStore) -> None:
    """Whoever guesses an id gains nothing: the delivery is a stranger's."""
    job, up = pending_job(), upstream_id()
    await store.create(job, b"PNG")
    applied = await store.apply(delivered(up, Status.COMPLETED), START, job_id=job.id, silence=SILENCE)
    assert (applied.outcome, applied.job_id == job.id) == (Outcome.ADOPTED, False)


async def test_dossier_13_14_a_strangers_delivery_is_adopted(store: JobStore) -> None:
    """Owner `external`, what only upstream knows null, and upstream is asked for it."""
    up = upstream_id()
    applied = await store.apply(delivered(up, Status.PROCESSING), START, job_id=None, silence=SILENCE)
    stored = await store.find(up)
    assert stored is not None
    job = stored.job
    assert applied.outcome is Outcome.ADOPTED
    assert (job.owner, job.status, job.progress) == ("external", Status.PROCESSING, 45)
    assert (job.action, job.parent_job_id, job.prompt, job.mask) == (None, None, None, None)
    assert await store.work.take_lookups(START, lease=SILENCE, limit=9, budget=99) == [job.id]
    origin = {"action": "inpaint", "parentJobId": "p", "prompt": "x"}
    await store.apply(looked_up(up, Status.PROCESSING, origin=origin), START, job_id=job.id, silence=SILENCE)
    told = await store.get(job.id)
    assert told is not None
    assert (told.job.action, told.job.parent_job_id, told.job.prompt) == ("inpaint", "p", "x")


async def test_strangers_hold_no_slot(store: JobStore) -> None:
    """MAX_IN_FLIGHT is about what we submitted."""
    await store.apply(delivered(upstream_id(), Status.PROCESSING), START, job_id=None, silence=SILENCE)
    assert (await store.figures(START)).in_flight == 0


async def test_our_workers_answer_takes_its_job_back_from_a_stranger(store: JobStore) -> None:
    """Redis had lost the attempt, so the delivery was adopted; the repeated submission names the same job."""
    sample = Sample(store)
    await store.create(sample.job, b"PNG")
    await store.apply(delivered(sample.up, Status.PROCESSING), START, job_id=sample.job.id, silence=SILENCE)
    await sample.claim()
    await sample.apply(Accepted(sample.up, Status.QUEUED))
    job = await sample.now()
    assert (job.status, job.upstream_job_id) == (Status.QUEUED, sample.up)
    assert (await store.figures(START)).jobs[Status.PROCESSING] == 0
    assert job.id in await store.work.take_lookups(START + timedelta(minutes=1), lease=SILENCE, limit=9, budget=99)


async def test_two_jobs_of_ours_never_share_an_upstream_id(store: JobStore) -> None:
    """Should upstream ever answer so, the second is not bound."""
    first, second = Sample(store), Sample(store)
    await first.in_state(State.QUEUED)
    await second.in_state(State.PENDING)
    applied = await second.apply(Accepted(first.up, Status.QUEUED))
    assert applied.outcome is Outcome.CONFLICT
    assert (await second.now()).upstream_job_id is None


async def test_news_of_a_job_that_is_not_there_is_not_found(store: JobStore) -> None:
    """Save for a report, which makes a stranger."""
    with pytest.raises(NotFound):
        await store.apply(Expired("late"), START, job_id=pending_job().id, silence=SILENCE)


# Reading


async def test_pages_neither_skip_nor_repeat_while_jobs_are_added(store: JobStore) -> None:
    """Newest first, and what came since the first page is not in the later ones."""
    ids = await many(store, 25)
    seen: list[str] = []
    cursor, more = None, True
    while more:
        page = await store.page(Filter(), 4, cursor)
        seen += [stored.job.id for stored in page.jobs]
        cursor, more = page.next_cursor, page.next_cursor is not None
        await store.create(pending_job(START + timedelta(hours=1)), b"PNG")
    assert seen == ids[::-1]


async def test_a_page_shows_jobs_that_match_every_part_of_a_filter(store: JobStore) -> None:
    """Owner and any of the statuses; the last page has no cursor."""
    mine, others = await many(store, 6), await many(store, 6, owner="shop")
    for job_id in (mine[1], others[1]):
        await store.apply(Expired("late"), START, job_id=job_id, silence=SILENCE)
    found = await store.page(Filter(statuses=(Status.FAILED,), owner="editor"), 6)
    assert [stored.job.id for stored in found.jobs] == [mine[1]]
    both = await store.page(Filter(statuses=(Status.FAILED, Status.PENDING), owner="shop"), 6)
    assert len(both.jobs) == 6
    assert both.next_cursor is None
    assert not (await store.page(Filter(owner="nobody"), 5)).jobs


async def test_no_page_is_empty_in_the_middle(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where what matches lies far behind what does not."""
    monkeypatch.setattr("tracker.store.pages.LOOKED_AT_ONCE", 7)
    oldest, *_ = await many(store, 60)
    await store.apply(Expired("late"), START, job_id=oldest, silence=SILENCE)
    page = await store.page(Filter(statuses=(Status.FAILED, Status.CANCELLED)), 2)
    assert [stored.job.id for stored in page.jobs] == [oldest]


async def test_a_job_is_found_by_either_id(sample: Sample) -> None:
    """Ours or upstream's."""
    await sample.in_state(State.QUEUED)
    assert await sample.store.find(sample.up) == await sample.store.find(sample.job.id)
    assert await sample.store.find(upstream_id()) is None


async def test_a_long_history_keeps_its_first_and_last_entries(sample: Sample) -> None:
    """A delivery that comes a thousand times does not grow Redis."""
    await sample.in_state(State.PROCESSING)
    for _ in range(200):
        await sample.apply(delivered(sample.up, Status.PROCESSING, progress=40))
    seqs = [entry.seq for entry in await sample.store.history(sample.job.id)]
    assert seqs[:16] == list(range(1, 17))
    assert seqs[-48:] == list(range(203 - 47, 204))
    assert len(seqs) == 64


# What time brings


async def test_a_job_is_looked_up_after_its_silence_and_not_before(sample: Sample) -> None:
    """News resets the silence; a taken lookup comes back after its lease."""
    await sample.in_state(State.PROCESSING)
    heard = (await sample.now()).updated_at
    take = sample.store.work.take_lookups
    assert await take(heard + timedelta(seconds=29), lease=SILENCE, limit=9, budget=99) == []
    assert await take(heard + timedelta(seconds=30), lease=SILENCE, limit=9, budget=99) == [sample.job.id]
    assert await take(heard + timedelta(seconds=31), lease=SILENCE, limit=9, budget=99) == []
    assert await take(heard + timedelta(seconds=60), lease=SILENCE, limit=9, budget=99) == [sample.job.id]


@pytest.mark.parametrize(("minutes", "seconds"), [(5, 30), (20, 60), (100, 300), (1_000, 600)])
async def test_the_longer_a_job_runs_the_longer_it_may_be_silent(sample: Sample, minutes: int, seconds: int) -> None:
    """Up to ten minutes of age a lost webhook is found within seconds; what has run for hours is asked about rarely."""
    await sample.in_state(State.PROCESSING)
    begun = (await sample.now()).started_at
    assert begun is not None
    at, take = begun + timedelta(minutes=minutes), sample.store.work.take_lookups
    await sample.store.apply(
        looked_up(sample.up, Status.PROCESSING, progress=99), at, job_id=sample.job.id, silence=SILENCE
    )
    assert await take(at + timedelta(seconds=seconds - 1), lease=SILENCE, limit=9, budget=99) == []
    assert await take(at + timedelta(seconds=seconds), lease=SILENCE, limit=9, budget=99) == [sample.job.id]


async def test_what_upstream_knew_nothing_of_is_asked_again_for_a_day(sample: Sample) -> None:
    """`lost` is our inference: should upstream have been confused, its own word takes the place of it."""
    await sample.in_state(State.PROCESSING)
    now = (await sample.now()).updated_at
    await sample.store.apply(Missing(3, lost=True), now, job_id=sample.job.id, silence=SILENCE)
    hour = now + timedelta(hours=1)
    take = sample.store.work.take_lookups
    assert await take(hour - timedelta(seconds=1), lease=SILENCE, limit=9, budget=99) == []
    assert await take(hour, lease=SILENCE, limit=9, budget=99) == [sample.job.id]
    day = now + timedelta(days=1)
    await sample.store.apply(Missing(4, lost=True), day, job_id=sample.job.id, silence=SILENCE)
    assert await take(day + timedelta(days=9), lease=SILENCE, limit=9, budget=99) == []


async def test_replayed_deliveries_do_not_keep_upstream_from_being_asked(sample: Sample) -> None:
    """Only news ends a silence."""
    await sample.in_state(State.PROCESSING)
    heard = (await sample.now()).updated_at
    for _ in range(5):
        await sample.apply(delivered(sample.up, Status.PROCESSING, progress=40))
    due = heard + timedelta(seconds=30)
    assert await sample.store.work.take_lookups(due, lease=SILENCE, limit=9, budget=99) == [sample.job.id]


async def test_a_finished_job_goes_after_its_retention_and_everything_of_it_with_it(
    sample: Sample, redis: Redis
) -> None:
    """Without a scan; one that is not finished stays."""
    await sample.in_state(State.COMPLETED)
    running = await Sample(sample.store).in_state(State.PROCESSING)
    ended = (await sample.now()).updated_at
    assert await sample.store.work.retire(ended + timedelta(days=30) - timedelta(seconds=1)) == 0
    assert await sample.store.work.retire(ended + timedelta(days=31)) == 1
    assert await sample.store.get(sample.job.id) is None
    assert await redis.keys(f"*{sample.job.id}*") == []
    assert await redis.zscore(name("jobs"), running.job.id) is not None


async def test_pending_jobs_that_are_too_old_are_found_without_a_scan(store: JobStore) -> None:
    """Oldest first, by their ids."""
    ids = await many(store, 3)
    assert await store.work.overdue(START + timedelta(milliseconds=2)) == ids[:2]


async def test_the_feed_tells_of_visible_changes_alone(sample: Sample, redis: Redis) -> None:
    """Each with its version; a duplicate is nobody's news."""
    await sample.in_state(State.PROCESSING)
    await sample.apply(delivered(sample.up, Status.PROCESSING, progress=40))
    entries = [fields for _, fields in await redis.xrange(name("feed"))]
    assert [(entry[b"status"], entry[b"version"]) for entry in entries] == [
        (b"PENDING", b"1"),
        (b"QUEUED", b"2"),
        (b"PROCESSING", b"3"),
    ]


async def test_a_redis_that_is_away_is_one_clear_error_within_two_seconds(tmp_path: object) -> None:
    """Nothing of redis-py reaches a caller of the store."""
    store = JobStore(connect("unix:///nonexistent/r.sock"), retention=SILENCE, submit_within=SILENCE)
    async with asyncio.timeout(2):
        with pytest.raises(StoreUnavailable):
            await store.get(pending_job().id)


async def test_jobs_in_doubt_come_before_a_backlog_and_never_block_it(store: JobStore) -> None:
    """Every slot is held by a job whose outcome is unknown, and hundreds wait behind them."""
    ids = await many(store, 200)
    for _ in range(10):
        found = await claim(store, 1, limit=10)
        later = START + timedelta(seconds=5)
        doubt = Deferred("504", later, outcome_unknown=True)
        await store.apply(doubt, START, job_id=str(found.job_id), silence=SILENCE)
    assert (await claim(store, 4, limit=10)).full
    assert [(await claim(store, 6, limit=10)).job_id for _ in range(10)] == ids[:10]
    assert (await claim(store, 6, limit=10)).full


async def test_a_claim_whose_worker_died_comes_before_a_backlog(store: JobStore) -> None:
    """Its slot is its own."""
    ids = await many(store, 100)
    for _ in range(10):
        await claim(store, 1, limit=10)
    assert [(await claim(store, 31, limit=10)).job_id for _ in range(10)] == ids[:10]


async def test_a_doubt_stays_when_a_later_attempt_comes_to_nothing(sample: Sample, redis: Redis) -> None:
    """Upstream may have the first: the slot is kept, and nobody can cancel it."""
    await sample.in_state(State.PENDING)
    await sample.apply(Deferred("504", START, outcome_unknown=True))
    await sample.claim()
    await sample.apply(Deferred("503", START))
    assert (await sample.store.figures(START)).in_flight == 1
    assert (await sample.apply(Withdrawn("editor"))).outcome is Outcome.STALE
    stored = await sample.store.get(sample.job.id)
    assert stored is not None
    assert stored.doubtful


async def test_an_expiry_never_touches_what_upstream_has_accepted(sample: Sample) -> None:
    """A webhook bound the job a moment before."""
    await sample.in_state(State.QUEUED)
    assert (await sample.apply(Expired("late"))).outcome is Outcome.STALE
    assert (await sample.now()).status is Status.QUEUED


async def test_an_answer_that_names_another_job_rebinds_nothing(store: JobStore) -> None:
    """Ours is bound by a webhook already; the stranger with the other id stays."""
    sample, other = await Sample(store).in_state(State.PROCESSING), upstream_id()
    await store.apply(delivered(other, Status.PROCESSING), START, job_id=None, silence=SILENCE)
    assert (await sample.apply(Accepted(other, Status.QUEUED))).outcome is Outcome.CONFLICT
    assert (await sample.now()).upstream_job_id == sample.up
    assert await store.find(other) is not None


async def test_an_answer_for_a_job_that_is_gone_erases_no_stranger(store: JobStore) -> None:
    """Redis lost our record; the delivery's adoption is all there is."""
    up = upstream_id()
    await store.apply(delivered(up, Status.PROCESSING), START, job_id=None, silence=SILENCE)
    with pytest.raises(NotFound):
        await store.apply(Accepted(up, Status.QUEUED), START, job_id=pending_job().id, silence=SILENCE)
    assert await store.find(up) is not None


async def test_a_refund_is_the_final_cost(sample: Sample) -> None:
    """While it ran, a lookup had told the price."""
    await sample.in_state(State.PROCESSING)
    await sample.apply(looked_up(sample.up, Status.PROCESSING, credit_cost=16))
    await sample.apply(looked_up(sample.up, Status.FAILED, credit_cost=0))
    assert (await sample.now()).credit_cost == 0


async def test_a_late_acceptance_tells_when_it_was_submitted(sample: Sample) -> None:
    """Also of a job that we had given up."""
    await sample.in_state(State.PENDING)
    await sample.apply(Expired("late"))
    await sample.apply(Accepted(sample.up, Status.QUEUED))
    job = await sample.now()
    assert (job.status, job.submitted_at is not None) == (Status.QUEUED, True)


async def test_scores_in_the_queue_are_when_a_job_may_be_tried(sample: Sample, redis: Redis) -> None:
    """After a deferral that is its retry."""
    await sample.in_state(State.PENDING)
    later = START + timedelta(seconds=90)
    await sample.apply(Deferred("503", later))
    assert await redis.zscore(name("queue", sample.job.owner), sample.job.id) == to_ms(later)
