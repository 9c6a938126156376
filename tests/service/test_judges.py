"""Large submissions are read in a process of its own, which may end at any time and costs nobody an answer."""

import asyncio
import base64
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from service.aside import judges as judging
from service.aside.judges import TINY, Judges
from service.submissions import FORM, JSON, read_submission
from tests.samples import PARENT
from tracker.errors import BadRequest, InvalidInput, Unavailable, UnsupportedMediaType

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="asks Linux about a process")


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine that has no rest the helper may get no processor for seconds."""
    monkeypatch.setattr(judging, "PATIENCE", 60)


@pytest.fixture
async def judges() -> AsyncIterator[Judges]:
    judges = Judges()
    yield judges
    await judges.close()


def picture() -> bytes:
    """A mask that is not compressed."""
    image, file = Image.new("L", (256, 256)), BytesIO()
    ImageDraw.Draw(image).ellipse((20, 30, 100, 120), fill=255)
    image.save(file, "PNG", compress_level=0)
    return file.getvalue()


async def started(judges: Judges) -> int:
    """The helper's process."""
    await judges.read(JSON, [large()])
    assert judges.pid
    return judges.pid


def large(**fields: Any) -> bytes:
    document = {"parentJobId": PARENT, "mask": base64.b64encode(picture()).decode(), "labels": {"ü": "\U0001f388"}}
    body = json.dumps({**document, **fields}).encode()
    assert len(body) > TINY
    return body


def form() -> tuple[str, bytes]:
    head = 'Content-Disposition: form-data; name="{}"{}\r\n\r\n'
    named = ("parentJobId", "", PARENT.encode()), ("mask", '; filename="m.png"', picture())
    parts = [head.format(*names).encode() + content for *names, content in named]
    body = b"".join(b"--xyz\r\n" + part + b"\r\n" for part in parts) + b"--xyz--\r\n"
    return f"{FORM}; boundary=xyz", body


@pytest.mark.parametrize("sent", [(JSON, large()), (JSON, large(prompt="é")), form()], ids=["JSON", "prompt", "form"])
async def test_a_large_submission_is_read_as_a_small_one_is(judges: Judges, sent: tuple[str, bytes]) -> None:
    """Every fact, and every byte of the mask that is held."""
    here, there = (
        await asyncio.to_thread(read_submission, *sent),
        await judges.read(sent[0], [sent[1][:999], sent[1][999:]]),
    )
    assert (there.mask, there.digest) == (here.mask, here.digest)
    assert there.request.model_copy(update={"mask": ""}) == here.request.model_copy(update={"mask": ""})
    assert judges.pid


async def test_a_small_submission_needs_no_helper(judges: Judges) -> None:
    """None is started for it."""
    with pytest.raises(InvalidInput):
        await judges.read(JSON, [b"{", b"}"])
    assert judges.pid is None


@pytest.mark.parametrize(
    ("content_type", "body", "kind"),
    [
        (JSON, large(colour="red", prompt=7), InvalidInput),
        (JSON, large(mask="A" * TINY), InvalidInput),
        (JSON, large()[:-1], BadRequest),
        (f"{FORM}; boundary=x", large(), BadRequest),
        (f"{FORM}; boundary=x; charset=utf-7", large(), UnsupportedMediaType),
    ],
)
async def test_what_is_wrong_with_a_large_submission_is_told_in_the_same_words(
    judges: Judges, content_type: str, body: bytes, kind: type[Exception]
) -> None:
    """Of every field at once."""
    with pytest.raises(kind) as here:
        await asyncio.to_thread(read_submission, content_type, body)
    with pytest.raises(kind) as there:
        await judges.read(content_type, [body])
    assert str(there.value) == str(here.value)
    assert getattr(there.value, "errors", None) == getattr(here.value, "errors", None)


async def test_a_helper_that_dies_over_a_submission_costs_nobody_an_answer(judges: Judges) -> None:
    """Another reads it."""
    first = await started(judges)
    os.kill(first, signal.SIGSTOP)
    reading = [asyncio.create_task(judges.read(JSON, [large()])) for _ in range(3)]
    await asyncio.sleep(0)
    os.kill(first, signal.SIGKILL)
    assert {(await one).mask.facts.width for one in reading} == {256}
    assert judges.pid != first


async def test_a_helper_that_always_dies_is_told_as_a_fault_of_ours() -> None:
    """503: the next may be read again."""
    judges = Judges((sys.executable, "-c", ""))
    with pytest.raises(Unavailable):
        await judges.read(JSON, [large()])
    await judges.close()


async def test_where_no_helper_can_be_started_a_thread_reads_the_mask() -> None:
    """As where there may be no more processes."""
    judges = Judges(("/nowhere/at/all",))
    assert (await judges.read(JSON, [large()])).mask.facts.width == 256
    await judges.close()


async def test_a_helper_that_gets_no_time_costs_nobody_an_answer(
    judges: Judges, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes after whoever else wants the processor, so that it may wait for ever; a thread does not. Nobody else
    waits for it then, until it is asked again."""
    pid = await started(judges)
    monkeypatch.setattr(judging, "PATIENCE", 0.2)
    monkeypatch.setattr(judging, "PASSED_OVER", 60)
    os.kill(pid, signal.SIGSTOP)
    try:
        assert (await judges.read(JSON, [large()])).mask == read_submission(JSON, large()).mask
        monkeypatch.setattr(judging, "PATIENCE", 60)
        async with asyncio.timeout(30):
            await asyncio.gather(*[judges.read(JSON, [large()]) for _ in range(5)])
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_a_helper_that_had_no_time_is_asked_again(judges: Judges, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same one."""
    pid = await started(judges)
    monkeypatch.setattr(judging, "PATIENCE", 0.2)
    monkeypatch.setattr(judging, "PASSED_OVER", 0)
    os.kill(pid, signal.SIGSTOP)
    try:
        await judges.read(JSON, [large()])
    finally:
        os.kill(pid, signal.SIGCONT)
    monkeypatch.setattr(judging, "PATIENCE", 60)
    monkeypatch.setattr(judges, "_in_thread", None)
    assert (await judges.read(JSON, [large()])).mask == read_submission(JSON, large()).mask
    assert judges.pid == pid


async def test_stop_signals_are_for_the_service_alone(judges: Judges) -> None:
    """Who stops a whole group of processes stops no submission that is under way."""
    pid = await started(judges)
    for number in (signal.SIGTERM, signal.SIGINT):
        os.kill(pid, number)
    await judges.read(JSON, [large()])
    assert judges.pid == pid


async def test_the_helper_ends_with_whoever_started_it(judges: Judges) -> None:
    """It is told by the line alone, so that it holds also for one that was killed."""
    pid = await started(judges)
    await judges.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@on_linux
async def test_the_helper_gives_way_and_knows_no_secret(judges: Judges, monkeypatch: pytest.MonkeyPatch) -> None:
    """It opens what strangers send."""
    monkeypatch.setenv("APIFRAME_API_KEY", "afk_secret")
    pid = await started(judges)
    assert os.sched_getscheduler(pid) == os.SCHED_IDLE
    assert b"afk_secret" not in await asyncio.to_thread(Path(f"/proc/{pid}/environ").read_bytes)
