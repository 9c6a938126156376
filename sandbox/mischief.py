"""The ways in which the sandbox misbehaves on request, and the dice that decide when.

Every fault has a rate and a random stream of its own, seeded by (seed, fault): turning one on never
changes where another one strikes.
"""

from collections import Counter
from random import Random
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Rate = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0)]
Fault = Literal[
    "submit_402", "submit_429", "submit_503", "submit_edge_403",
    "submit_504", "submit_cut", "submit_without_id", "submit_delayed",
    "poll_429", "poll_503",
    "job_failed", "job_cancelled", "job_stalled",
    "result_null", "result_string", "error_object",
    "webhook_duplicated", "webhook_reordered", "webhook_dropped", "webhook_delayed",
    "webhook_unsigned", "webhook_forged", "webhook_header_differs",
]  # fmt: skip


class Mischief(BaseModel):
    """Rates are shares 0..1 of the chances to strike; the default is perfect behaviour."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(0, description="Same seed, same strikes")
    times: int | None = Field(None, ge=0, description="Each fault strikes at most so often; null: no end")

    submit_402: Rate = Field(0, description="Submit refused: 402, whatever the balance")
    submit_429: Rate = Field(0, description="Submit refused: 429 with Retry-After")
    submit_503: Rate = Field(0, description="Submit refused: 503")
    submit_edge_403: Rate = Field(0, description="Submit blocked at the edge: 403 in HTML")
    submit_504: Rate = Field(0, description="Job taken, answer lost: 504 in HTML")
    submit_cut: Rate = Field(0, description="Job taken, answer lost: connection closed")
    submit_without_id: Rate = Field(0, description="Job taken, 200 answered without a jobId")
    submit_delayed: Rate = Field(0, description="Job taken, answer late by `delay_seconds`")
    poll_429: Rate = Field(0, description="GET of jobs refused: 429 with Retry-After")
    poll_503: Rate = Field(0, description="GET of jobs refused: 503")
    retry_after: int = Field(1, ge=0, description="The Retry-After of each 429, in seconds")

    job_failed: Rate = Field(0, description="Job ends FAILED, half way, and is refunded")
    job_cancelled: Rate = Field(0, description="Job ends CANCELLED, half way, without any webhook")
    job_stalled: Rate = Field(0, description="Job stays in PROCESSING, half way, for good")
    failure: str = Field("Provider returned an error: content policy violation", description="Error text")
    result_null: Rate = Field(0, description="COMPLETED with `result: null`")
    result_string: Rate = Field(0, description="COMPLETED with one URL as the result, as in older docs")
    error_object: Rate = Field(0, description="FAILED with `{message}` for the error text")

    webhook_duplicated: Rate = Field(0, description="Delivery sent twice, at the same time")
    webhook_reordered: Rate = Field(0, description="Progress held back and sent after the event behind it")
    webhook_dropped: Rate = Field(0, description="Delivery never sent")
    webhook_delayed: Rate = Field(0, description="Delivery, and those behind it, late by `delay_seconds`")
    webhook_unsigned: Rate = Field(0, description="Delivery without its signature header")
    webhook_forged: Rate = Field(0, description="Delivery signed with some other key")
    webhook_header_differs: Rate = Field(0, description="X-Webhook-Event names another event than the body")
    delay_seconds: tuple[Seconds, Seconds] = Field((0.5, 2.0), description="Shortest and longest delay")
    secret_form: Literal["raw", "hex"] | None = Field(None, description="Overrides the setting")

    credits: int | None = Field(None, ge=0, description="Sets every team's balance once, when it is read")
    key_inactive: bool = Field(False, description="Every API key answers 403")
    input_hidden: bool = Field(False, description="No job tells what it was made from")
    status_unknown: bool = Field(False, description="Every job is told of with a status that nobody knows")
    expired: bool = Field(False, description="Every result has expired, however young")


class Dice:
    """Decides, fault by fault, whether it strikes this time."""

    def __init__(self, mischief: Mischief) -> None:
        self.load(mischief)

    def load(self, mischief: Mischief) -> None:
        """Take new rates and start every stream and every count anew."""
        self.mischief = mischief
        self._streams: dict[str, Random] = {}
        self._struck: Counter[str] = Counter()

    def strikes(self, fault: Fault) -> bool:
        rate: float = getattr(self.mischief, fault)
        if not rate or self._stream(fault).random() >= rate:
            return False
        if self.mischief.times is not None and self._struck[fault] >= self.mischief.times:
            return False
        self._struck[fault] += 1
        return True

    @property
    def struck(self) -> dict[str, int]:
        """How often each fault has struck since the mischief was loaded."""
        return dict(self._struck)

    def delay(self) -> float:
        """Seconds, evenly spread over `delay_seconds`."""
        return self._stream("delay").uniform(*self.mischief.delay_seconds)

    def _stream(self, name: str) -> Random:
        return self._streams.setdefault(name, Random(f"{self.mischief.seed}:{name}"))
