"""The way out of a stream: what is begun without a task is sent whole, in order, or its failure is told."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from starlette.types import Message

from service.live.line import Line
from service.live.listener import Frame, Listener


class Client:
    """Takes what it is sent while it reads."""

    def __init__(self) -> None:
        self.reads = asyncio.Event()
        self.got: list[bytes] = []

    async def send(self, message: Message) -> None:
        await self.reads.wait()
        assert message["more_body"]
        self.got.append(message["body"])


async def cut(_: Message) -> None:
    raise ConnectionResetError("gone")


async def test_what_a_client_takes_at_once_needs_no_task() -> None:
    """It is there before anybody else has had a turn."""
    client = Client()
    client.reads.set()
    assert Line(client.send).begin(b"one")
    assert client.got == [b"one"]


async def test_what_a_client_does_not_take_yet_is_finished_by_a_task() -> None:
    """And once only."""
    client = Client()
    line = Line(client.send)
    assert not line.begin(b"one")
    asyncio.get_running_loop().call_later(0.01, client.reads.set)
    await line.finish()
    await line.finish()
    assert client.got == [b"one"]


async def test_a_task_that_is_cancelled_leaves_nothing_half_sent() -> None:
    """What was begun is given up with it."""
    client = Client()
    line = Line(client.send)
    assert not line.begin(b"one")
    finishing = asyncio.create_task(line.finish())
    await asyncio.sleep(0)
    finishing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await finishing
    client.reads.set()
    await asyncio.sleep(0)
    assert client.got == []


async def test_a_failure_is_for_the_listeners_own_task() -> None:
    """Whoever tells everybody goes on."""
    line = Line(cut)
    assert not line.begin(b"one")
    with pytest.raises(ConnectionResetError):
        await line.finish()


@pytest.fixture
def frames() -> Callable[[int], list[Frame]]:
    return lambda count: [Frame((1, number), number, False, b"%d " % number) for number in range(count)]


async def following(listener: Listener, line: Line) -> None:
    """As a stream does."""

    def spell(frames: object) -> bytes:
        return b"".join(one.content for one in frames)  # type: ignore[attr-defined]

    listener.send_past(line, spell)
    while (some := await listener.frames()) is not None:
        await line.write(spell(some))


async def test_frames_keep_their_order_past_the_task_and_through_it(
    frames: Callable[[int], list[Frame]],
) -> None:
    """The client stops reading in the middle, and goes on."""
    client, listener = Client(), Listener("0-0", 0)
    client.reads.set()
    task: Awaitable[None] = asyncio.create_task(following(listener, Line(client.send)))
    for frame in frames(300):
        if frame.version % 7 == 0:
            await asyncio.sleep(0)
        if frame.version in (40, 200):
            client.reads.clear()
        if frame.version in (120, 260):
            client.reads.set()
        listener.put(frame)
        listener.flush()
    async with asyncio.timeout(2):
        while len(b"".join(client.got).split()) < 300:
            await asyncio.sleep(0)
        listener.end()
        await task
    assert b"".join(client.got) == b"".join(frame.content for frame in frames(300))
