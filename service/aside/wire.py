"""What the service and its helper say to each other: a head in JSON, then bytes as they are, each after its length.

JSON and not pickle: the helper opens whatever strangers send, and nothing it says may run here.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from io import BufferedIOBase
from struct import Struct
from typing import Any

from tracker.errors import BadRequest, InvalidInput, TrackerError, UnsupportedMediaType
from tracker.job import MaskFacts
from tracker.masks import Mask
from tracker.submission import InpaintRequest, Submission

LENGTHS = Struct(">II")
REFUSALS: dict[str, type[TrackerError]] = {one.code: one for one in (BadRequest, UnsupportedMediaType)}
Head = Mapping[str, Any]


def framed(head: Head, data: Sequence[bytes]) -> Iterator[bytes]:
    """To be written one after the other: the data, in however many parts, is not copied."""
    said = json.dumps(head).encode()
    yield LENGTHS.pack(len(said), sum(map(len, data))) + said
    yield from data


def read(stream: BufferedIOBase) -> tuple[Head, bytes] | None:
    """None where the other side has closed."""
    lengths = stream.read(LENGTHS.size)
    if len(lengths) < LENGTHS.size:
        return None
    said, data = (stream.read(length) for length in LENGTHS.unpack(lengths))
    return json.loads(said), data


async def receive(stream: asyncio.StreamReader) -> tuple[Head, bytes]:
    """Raises IncompleteReadError where the other side has closed."""
    said, data = [await stream.readexactly(length) for length in LENGTHS.unpack(await stream.readexactly(LENGTHS.size))]
    return json.loads(said), data


def told(submission: Submission) -> tuple[Head, bytes]:
    """Without the text of the mask, which has been read."""
    asked = submission.request.model_dump(exclude={"mask"})
    facts = submission.mask.facts.model_dump()
    return {"asked": asked, "facts": facts, "digest": submission.digest}, submission.mask.png


def refused(error: TrackerError) -> Head:
    errors = error.errors if isinstance(error, InvalidInput) else None
    return {"refused": error.code, "text": str(error), "errors": errors}


def understood(head: Head, png: bytes) -> Submission:
    """Raises what the helper refused it with, and RuntimeError where it failed."""
    match head:
        case {"asked": asked, "facts": facts, "digest": digest}:
            request = InpaintRequest.model_construct(**asked, mask="")
            return Submission(request, Mask(MaskFacts(**facts), png), digest)
        case {"errors": dict(errors)}:
            raise InvalidInput(errors)
        case {"refused": str(code), "text": str(text)}:
            raise REFUSALS[code](text)
        case _:
            raise RuntimeError(head["failed"])
