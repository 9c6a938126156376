"""Progress in words that came before: upstream tells it of every job alike, but for the job's id.

What such a body says is looked up by what stands before the id and what stands after it, in less than half of the time
that it takes to read it. Only what `reading` has found to be bare progress is remembered.
"""

import re
from typing import NamedTuple

from tracker.apiframe.reading import Document
from tracker.apiframe.signature import Delivery
from tracker.events import NOTHING, Report
from tracker.ids import UUID_BYTES
from tracker.job import Source, Status

MAX_BODY = 512
WORDINGS_KNOWN = 512
"""Of mere progress there are a hundred and one."""
_ID = b'"jobId":"'
_UUID = re.compile(UUID_BYTES)


class _Said(NamedTuple):
    """`document` is of whichever job it was said first."""

    document: Document
    status: Status
    progress: int | None
    fingerprint: bytes


_said: dict[tuple[bytes, bytes], _Said] = {}


def recall(delivery: Delivery) -> tuple[Document, Report] | None:
    """What a body says that has such words, and a document that differs from it by the job's id alone."""
    before, _, rest = delivery.body.partition(_ID)
    said = _said.get((before, rest[36:]))
    if said is None or not _UUID.fullmatch(job_id := rest[:36]):
        return None
    report = Report(
        Source.WEBHOOK, job_id.decode(), said.status, said.progress,
        origin=NOTHING, rest=NOTHING, fingerprint=said.fingerprint, is_bare=True,
    )  # fmt: skip
    return said.document, report


def remember(body: bytes, document: Document, report: Report) -> None:
    """So that `recall` knows it, where it is bare and the job's id stands in it once, plainly, and as a whole."""
    before, _, rest = body.partition(_ID)
    whole = rest[:37] == b'%b"' % report.upstream_job_id.encode()
    plain = len(body) <= MAX_BODY and body.count(b"jobId") == 1 and b"\\" not in body
    if report.is_bare and whole and plain:
        if len(_said) >= WORDINGS_KNOWN:
            _said.clear()
        _said[before, rest[36:]] = _Said(document, report.status, report.progress, report.fingerprint)
