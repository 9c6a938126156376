"""Signed webhook deliveries over real HTTP.

The deliveries of one job go out one after the other, each job in a lane of its own: a slow receiver
delays nothing but its job's next event. Only `Mischief` changes order or number.
"""

import asyncio
import hashlib
import hmac
import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import httpx

from sandbox.bodies import WebhookEvent
from sandbox.crew import Crew
from sandbox.jobs import Job
from sandbox.journal import Journal
from sandbox.mischief import Dice, Fault
from sandbox.settings import SandboxSettings

FAULTS: dict[str, Fault] = {
    "delayed": "webhook_delayed",
    "dropped": "webhook_dropped",
    "duplicated": "webhook_duplicated",
    "unsigned": "webhook_unsigned",
    "forged": "webhook_forged",
    "header differs": "webhook_header_differs",
}
NOT_DELIVERED = (httpx.HTTPError, httpx.InvalidURL, AttributeError)
"""The last is httpcore's under uvloop: it asks a new connection for its peer; one that is reset by then has none."""
OTHER: dict[WebhookEvent, WebhookEvent] = {"progress": "completed", "completed": "failed", "failed": "completed"}


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event of one job; `body` is fixed when the event happens, to the byte."""

    job: Job
    event: WebhookEvent
    body: bytes
    faults: tuple[str, ...] = ()


@dataclass(slots=True)
class Lane:
    """What one job still has to send; `held` are events that others shall overtake."""

    waiting: deque[Delivery] = field(default_factory=deque)
    held: list[Delivery] = field(default_factory=list)
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    busy: bool = False


class Courier:
    """Sends each subscribed event of a job to its `webhookUrl` and notes how it went."""

    def __init__(
        self, settings: SandboxSettings, dice: Dice, journal: Journal, http: httpx.AsyncClient, crew: Crew
    ) -> None:
        self._settings, self._dice, self._journal = settings, dice, journal
        self._http, self._crew = http, crew
        self._lanes: dict[Job, Lane] = {}

    def send(self, job: Job, event: WebhookEvent) -> None:
        """Take the event as the job stands now; return at once."""
        if not job.request.webhook_url or event not in job.request.webhook_events:
            return
        body = json.dumps(job.event(event), separators=(",", ":")).encode()
        faults = tuple(word for word, fault in FAULTS.items() if self._dice.strikes(fault))
        lane = self._lanes.setdefault(job, Lane())
        self._sort(lane, Delivery(job, event, body, faults))
        self._drive(job, lane)

    def finish(self, job: Job) -> None:
        """Nothing more will happen to this job: what was held back goes out."""
        if lane := self._lanes.get(job):
            self._release(lane)
            self._drive(job, lane)

    async def drained(self, job: Job) -> None:
        """Wait until nothing of this job is on its way."""
        while (lane := self._lanes.get(job)) and lane.busy:
            await lane.idle.wait()

    def _sort(self, lane: Lane, delivery: Delivery) -> None:
        if delivery.event == "progress" and self._dice.strikes("webhook_reordered"):
            lane.held.append(replace(delivery, faults=(*delivery.faults, "reordered")))
        else:
            lane.waiting.append(delivery)
            self._release(lane)

    def _release(self, lane: Lane) -> None:
        """What was held back comes now, the latest first."""
        lane.waiting.extend(reversed(lane.held))
        lane.held.clear()

    def _drive(self, job: Job, lane: Lane) -> None:
        if lane.waiting and not lane.busy:
            lane.busy = True
            lane.idle.clear()
            self._crew.start(self._run(job, lane))

    async def _run(self, job: Job, lane: Lane) -> None:
        while lane.waiting:
            await self._deliver(lane.waiting.popleft())
        lane.busy = False
        lane.idle.set()
        if not lane.held:
            del self._lanes[job]

    async def _deliver(self, delivery: Delivery) -> None:
        if "delayed" in delivery.faults:
            await asyncio.sleep(self._dice.delay())
        if "dropped" in delivery.faults:
            arrived = False
            self._note(delivery, "dropped", 0)
        else:
            copies = 2 if "duplicated" in delivery.faults else 1
            arrived = any(await asyncio.gather(*(self._persist(delivery) for _ in range(copies))))
        delivery.job.webhook_status = "delivered" if arrived else "failed"

    async def _persist(self, delivery: Delivery) -> bool:
        for attempt in range(1, self._settings.webhook_retries + 2):
            if attempt > 1:
                await asyncio.sleep(self._settings.webhook_retry_seconds * 2 ** (attempt - 2))
            if await self._post(delivery, attempt):
                return True
        return False

    async def _post(self, delivery: Delivery, attempt: int) -> bool:
        """True for a 2xx. Redirects are not followed."""
        try:
            answer = await self._http.post(
                delivery.job.request.webhook_url, content=delivery.body, headers=self._headers(delivery)
            )
        except NOT_DELIVERED as error:
            self._note(delivery, type(error).__name__, attempt)
            return False
        self._note(delivery, str(answer.status_code), attempt)
        return answer.is_success

    def _headers(self, delivery: Delivery) -> dict[str, str]:
        form = self._dice.mischief.secret_form or self._settings.secret_form
        key = "afk_somebody_else" if "forged" in delivery.faults else delivery.job.key
        event = OTHER[delivery.event] if "header differs" in delivery.faults else delivery.event
        headers = {"Content-Type": "application/json", "X-Webhook-Event": event}
        if "unsigned" not in delivery.faults:
            headers["X-Webhook-Signature"] = signature(key, delivery.body, form)
        return headers

    def _note(self, delivery: Delivery, outcome: str, attempt: int) -> None:
        body: Mapping[str, object] = json.loads(delivery.body)
        progress = f" {body['progress']}" if delivery.event == "progress" else ""
        faults = f" ({', '.join(delivery.faults)})" if delivery.faults else ""
        self._journal.write(
            f"#{delivery.job.number} {delivery.event}{progress} → {outcome}{faults}",
            kind="delivery",
            jobId=delivery.job.id,
            event=delivery.event,
            url=delivery.job.request.webhook_url,
            outcome=outcome,
            attempt=attempt,
            faults=list(delivery.faults),
        )


def signature(api_key: str, body: bytes, form: Literal["raw", "hex"]) -> str:
    """`X-Webhook-Signature` over the raw body.

    `raw` keys the HMAC with the 32 bytes of SHA-256(api_key), `hex` with their 64 lower-case hex digits.
    """
    digest = hashlib.sha256(api_key.encode())
    secret = digest.digest() if form == "raw" else digest.hexdigest().encode()
    return "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
