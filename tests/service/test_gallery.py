"""What is kept of result images, and that it never grows beyond its bounds."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from service.images.gallery import Bounds, Gallery, Shelf
from service.images.pictures import Picture, judged
from service.metrics import Metrics
from tests.cdn import Shelves, cdn, gated, picture
from tests.door import settings_for
from tracker.apiframe.cdn import Cdn
from tracker.errors import Busy

Open = Callable[[Bounds], Gallery]


def of(size: int) -> Picture:
    return Picture(b"x" * size, "png", 1, 1, '"x"')


async def until_alive(gallery: Gallery, size: int) -> None:
    """Bytes; the thread that decoded a picture lets go of it a moment later."""
    async with asyncio.timeout(5):
        while gallery.alive != size:
            await asyncio.sleep(0.005)


@pytest.fixture
async def shelves() -> AsyncIterator[Shelves]:
    async with cdn() as found:
        yield found


@pytest.fixture
async def opened(shelves: Shelves, redis_url: str) -> AsyncIterator[Open]:
    galleries: list[Gallery] = []
    async with Cdn(settings_for(redis_url, apiframe_base_url=shelves.url)) as fetching:

        def opened(bounds: Bounds) -> Gallery:
            galleries.append(Gallery(fetching, Metrics(settings_for("redis://127.0.0.1")), 0.2, bounds))
            return galleries[-1]

        yield opened
        for gallery in galleries:
            await gallery.aclose()


def test_a_shelf_keeps_what_was_asked_for_last() -> None:
    """Within its bytes; the same one twice counts once, and one that is too large is not kept."""
    shelf = Shelf(10)
    for name in "aab":
        shelf.put((name, None), of(4))
    assert shelf.get(("a", None))
    shelf.put(("c", None), of(4))
    assert [bool(shelf.get((name, None))) for name in "abc"] == [True, False, True]
    shelf.put(("d", None), of(11))
    assert [bool(shelf.get((name, None))) for name in "acd"] == [False, False, False]
    shelf.put(("e", None), of(10))
    assert shelf.get(("e", None))


async def test_originals_push_out_no_thumbnail(shelves: Shelves, opened: Open) -> None:
    """A long list shows its thumbnails again without another fetch."""
    gallery = opened(Bounds(originals=len(picture()) * 2))
    urls = [shelves.put(f"/{n}", picture()) for n in range(6)]
    for url in urls * 2:
        assert (await gallery.picture(url, 64)).width == 64
    assert [shelves.count(f"/{n}") for n in range(6)] == [1] * 6
    await gallery.picture(urls[0])
    assert shelves.count("/0") == 2


async def test_an_original_larger_than_the_shelf_is_answered_all_the_same(shelves: Shelves, opened: Open) -> None:
    """And let go of once it was."""
    gallery = opened(Bounds(originals=10))
    found = await gallery.picture(shelves.put("/a", content := picture()))
    assert (found.content, gallery.alive) == (content, len(content))
    del found
    await until_alive(gallery, 0)


async def test_who_gives_up_does_not_end_the_fetch_for_others(shelves: Shelves, opened: Open) -> None:
    """Though it was the first to ask; and what nobody waits for any more is kept all the same."""
    gate, gallery = asyncio.Event(), opened(Bounds())
    url = shelves.put("/a", gated(gate, picture()))
    first, second = [asyncio.create_task(gallery.picture(url)) for _ in range(2)]
    while not shelves.count("/a"):
        await asyncio.sleep(0.005)
    first.cancel()
    gate.set()
    assert (await second).width == 640
    assert first.cancelled()
    assert shelves.count("/a") == 1


async def test_nothing_is_fetched_while_too_much_is_still_being_sent(shelves: Shelves, opened: Open) -> None:
    """As to clients that take their answers slowly; once they have, it is again."""
    gallery = opened(Bounds(originals=len(picture()) // 2, alive=len(picture()) * 2 - 2000))
    first, second, third = [shelves.put(f"/{n}", picture()) for n in range(3)]
    slowly_taken = [await gallery.picture(first), await gallery.picture(second)]
    with pytest.raises(Busy):
        await gallery.picture(third)
    assert shelves.count("/2") == 0
    slowly_taken.clear()
    await until_alive(gallery, 0)
    assert (await gallery.picture(third)).width == 640


async def test_a_gallery_that_closes_ends_what_is_being_fetched(shelves: Shelves, opened: Open) -> None:
    """It waits for no CDN."""
    gate = asyncio.Event()
    gallery = opened(Bounds())
    waiting = asyncio.create_task(gallery.picture(shelves.put("/a", gated(gate, picture()))))
    while not shelves.count("/a"):
        await asyncio.sleep(0.005)
    async with asyncio.timeout(1):
        await gallery.aclose()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    gate.set()


def test_the_same_bytes_have_the_same_etag_and_others_another() -> None:
    """It is a strong one."""
    one, other = picture(), picture()
    assert judged(one).etag == judged(one).etag != judged(other).etag
