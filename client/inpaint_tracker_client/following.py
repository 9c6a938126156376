"""Following a stream for as long as it takes, without I/O: what to ask next, and what comes of the bytes.

`/v1/stream` goes on for ever, `/v1/jobs/{id}/stream` until the job is final. Each event's id, and each comment
`at <id>`, is the position from which the next connection goes on.

following.request -> the shell opens it -> take(reply), take(bytes) …, take(silence) -> after following.pause, again
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from pydantic import ValidationError

from inpaint_tracker_client.answers import Reply, error_of, read_job, unexpected
from inpaint_tracker_client.calls import Call, Request
from inpaint_tracker_client.errors import ChangesMissed, UnexpectedAnswer
from inpaint_tracker_client.eventstream import Comment, Decoder, Message, TooLarge
from inpaint_tracker_client.models import Job
from inpaint_tracker_client.retries import Attempts, Silence

QUIET = 40.0
"""Seconds without a byte after which a connection is dead: the service sends a comment every 15."""
STEADY = 10.0
"""Seconds after which a connection was a good one, and its end is no reason to come back more slowly."""
MEDIA = "text/event-stream"
HEADERS = {"Accept": MEDIA, "Accept-Encoding": "identity", "Cache-Control": "no-store"}
ENDED = Silence("the stream ended")
_POSITION = "at "


@dataclass(frozen=True)
class Gap:
    """Changes were missed: the service does not keep them any more. `detail` is for people."""

    detail: str

    def told(self, on_gap: Callable[[str], object] | None) -> object:
        """What `on_gap` gives, which may be awaitable. Raises ChangesMissed where nobody listens."""
        if on_gap is None:
            raise ChangesMissed(self.detail)
        return on_gap(self.detail)


class Following:
    """The first connection has as many tries as any call. Once there was one, it is taken up again for ever."""

    def __init__(self, request: Request, retries: int, url: str, *, one_job: bool) -> None:
        self._request = request
        self._attempts = Attempts(Call(request, read_job), retries, url)
        self._url = url
        self._one_job = one_job
        self._position = ""
        self._decoder = Decoder()
        self._opened: float | None = None
        self._over = False

    def goes_on(self) -> bool:
        """False after the final state of the one job that is followed."""
        return not self._over

    @property
    def pause(self) -> float:
        """Seconds until the next connection."""
        return self._attempts.pause

    @property
    def request(self) -> Request:
        here = {"Last-Event-ID": self._position} if self._position else {}
        return replace(self._request, headers={**HEADERS, **here})

    def take(self, part: Reply | bytes | Silence) -> Iterator[Job | Gap]:
        """What comes of an answer's head, of the bytes after it, or of the connection's end.

        Raises the error that the answer stands for, UnexpectedAnswer for what is no stream of the service's, and
        Unavailable where it was the last try.
        """
        match part:
            case Reply():
                self._begin(part)
            case Silence():
                self._end(part)
            case _:
                yield from self._read(part)

    def _begin(self, reply: Reply) -> None:
        """With the whole answer unless its status is 200."""
        settled = self._attempts.settled(reply)
        self._over = self._one_job and reply.status == 204  # the position is that of the final state
        if settled is None or self._over:
            return
        if reply.status != 200:
            raise error_of(reply)
        if reply.headers.get("content-type", "").partition(";")[0].strip() != MEDIA:
            raise unexpected(reply)
        self._decoder, self._opened = Decoder(), time.monotonic()
        self._attempts.go_on_for_ever()

    def _end(self, silence: Silence) -> None:
        if self._opened is not None and time.monotonic() - self._opened > STEADY:
            self._attempts.begin_anew()
        self._opened = None
        self._attempts.settled(silence)

    def _read(self, chunk: bytes) -> Iterator[Job | Gap]:
        try:
            for told in self._decoder.feed(chunk):
                if isinstance(told, Comment):
                    self._comment(told)
                else:
                    yield from self._message(told)
                if self._over:
                    return
        except TooLarge as error:
            raise UnexpectedAnswer(f"{error} from {self._url}") from None

    def _comment(self, told: Comment) -> None:
        if told.text.startswith(_POSITION):
            self._move(told.text.removeprefix(_POSITION).strip())

    def _message(self, told: Message) -> Iterator[Job | Gap]:
        if told.event == "gap" and not self._one_job:
            yield Gap(_detail(told.data))
        if told.event != "job" or (told.id is not None and told.id == self._position):
            return
        job = self._job(told.data)
        self._attempts.begin_anew()
        self._over = self._one_job and job.is_final
        self._move(told.id)
        yield job

    def _job(self, data: str) -> Job:
        try:
            return Job.model_validate_json(data)
        except ValidationError:
            raise UnexpectedAnswer(f"an event that is no job, from {self._url}") from None

    def _move(self, position: str | None) -> None:
        """Only to what a header can carry."""
        if position is not None and len(position) <= 256 and position.isascii() and position.isprintable():
            self._position = position


def _detail(data: str) -> str:
    """Empty where there is none."""
    try:
        detail = json.loads(data)["detail"]
    except (ValueError, KeyError, TypeError):
        return ""
    return str(detail)
