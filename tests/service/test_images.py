"""Result images by way of us: what is passed on, what is refused, and how often upstream's CDN is asked."""

import asyncio
import gzip
import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from service.app import create_app
from tests.cdn import Answer, Shelves, cdn, dripping, gated, opened, picture, plain, redirect
from tests.door import KEYS, UPSTREAM_KEY, assert_problem, key, settings_for
from tests.samples import Sample, delivered, moments, pending_job
from tests.serving import serving
from tests.town import town
from tests.wire import wire
from tracker.apiframe.cdn import MAX_BYTES, MAX_HOPS
from tracker.clock import utc_now
from tracker.job import Result, Status
from tracker.store.jobs import JobStore
from tracker.transitions import State

PATIENCE = 1.5


@dataclass
class Place:
    """A service and the CDN it fetches from."""

    store: JobStore
    api: httpx.AsyncClient
    cdn: Shelves

    async def completed(self, *urls: str, grid: str | None = None, at: datetime | None = None) -> Sample:
        """A job of the editor's with these images, completed now or then."""
        sample = Sample(self.store)
        sample.clock = moments((at or utc_now()) - timedelta(seconds=20))
        sample.job = pending_job(next(sample.clock))
        await sample.in_state(State.PROCESSING)
        await sample.apply(delivered(sample.up, Status.COMPLETED, result=Result(images=urls, grid_url=grid)))
        return sample

    async def get(self, sample: Sample, name: str = "1", caller: str = "editor", **more: Any) -> httpx.Response:
        headers = {**key(caller), **more.pop("headers", {})}
        method = more.pop("method", "GET")
        return await self.api.request(method, f"/v1/jobs/{sample.job.id}/images/{name}", headers=headers, **more)

    async def got(self, path: str, answer: Answer | bytes, kind: str = "image/png") -> httpx.Response:
        """What is answered for an image that lies there."""
        return await self.get(await self.completed(self.cdn.put(path, answer, kind)))


@pytest.fixture
async def place(store: JobStore, redis_url: str) -> AsyncIterator[Place]:
    async with a_place(store, redis_url, 20) as here:
        yield here


@pytest.fixture
async def hasty(store: JobStore, redis_url: str) -> AsyncIterator[Place]:
    """Where a fetch may take little time."""
    async with a_place(store, redis_url, PATIENCE) as here:
        yield here


@asynccontextmanager
async def a_place(store: JobStore, redis_url: str, patience: float) -> AsyncIterator[Place]:
    async with AsyncExitStack() as stack:
        shelves = await stack.enter_async_context(cdn())
        settings = settings_for(redis_url, apiframe_base_url=shelves.url, apiframe_timeout_seconds=patience)
        url = await stack.enter_async_context(serving(create_app(settings)))
        limits = httpx.Limits(max_connections=None)
        api = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=30, limits=limits))
        yield Place(store, api, shelves)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
async def test_an_image_is_passed_on_as_it_is(place: Place, kind: str) -> None:
    """To the byte, with the type that it truly has, whatever the CDN says it is."""
    content = picture(kind=kind)
    answer = await place.got("/a", content, "text/html")
    assert (answer.status_code, answer.content) == (200, content)
    assert answer.headers["content-type"] == f"image/{kind.lower()}"
    assert answer.headers["content-length"] == str(len(content))


async def test_a_browser_is_told_to_do_nothing_with_it_but_show_it(place: Place) -> None:
    """No guessing of types, no script, no other site's page; a name to keep it by; none that another key may see."""
    sample = await place.completed(place.cdn.put("/a", picture()))
    headers = (await place.get(sample)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-security-policy"] == "default-src 'none'; img-src 'self'; style-src 'unsafe-inline'"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["content-disposition"] == f'inline; filename="{sample.job.id}-1.png"'
    assert headers["vary"] == "Authorization, Cookie, X-API-Key"


async def test_the_cdn_gets_no_key_and_no_cookie(place: Place) -> None:
    """Neither Apiframe's nor the caller's; and no cookie that it set before."""
    place.cdn.put("/b", picture())
    await place.got("/a", redirect("/b"))
    await place.got("/c", redirect("/b"))
    assert [path for path, _ in place.cdn.asked] == ["/a", "/b", "/c", "/b"]
    for _, headers in place.cdn.asked:
        said = " ".join(headers.values())
        assert not {"authorization", "cookie", "x-api-key"} & set(headers)
        assert headers["accept-encoding"] == "identity"
        assert UPSTREAM_KEY not in said
        assert KEYS["editor"][0] not in said


async def test_an_image_may_be_kept_until_it_expires_and_no_longer(place: Place) -> None:
    """By the caller alone."""
    sample = await place.completed(place.cdn.put("/a", picture()), at=utc_now() - timedelta(hours=23))
    private, age, immutable = (await place.get(sample)).headers["cache-control"].split(", ")
    assert (private, immutable) == ("private", "immutable")
    assert 3_000 < int(age.removeprefix("max-age=")) <= 3_600


async def test_whoever_knows_the_image_is_sent_none(place: Place) -> None:
    """304 for its ETag, a weak one and a star; the image for another."""
    sample = await place.completed(place.cdn.put("/a", picture()))
    etag = (await place.get(sample)).headers["etag"]
    assert not etag.startswith("W/")
    for known in (etag, f'W/{etag}, "x"', "*"):
        answer = await place.get(sample, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", etag)
    assert (await place.get(sample, headers={"If-None-Match": '"x"'})).status_code == 200
    small = await place.get(sample, params={"width": 32})
    assert small.headers["etag"] != etag


async def test_head_tells_the_same_without_the_image(place: Place) -> None:
    """Its length, too."""
    sample = await place.completed(place.cdn.put("/a", content := picture()))
    head, whole = await place.get(sample, method="HEAD"), await place.get(sample)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(content))
    for name in ("etag", "content-type", "content-disposition"):
        assert head.headers[name] == whole.headers[name]


# Which image


async def test_each_image_and_the_grid_are_found_by_name_and_by_upstreams_id(place: Place) -> None:
    """In upstream's order."""
    contents = [picture(40 + n, 40) for n in range(5)]
    *urls, grid = [place.cdn.put(f"/{n}", content) for n, content in enumerate(contents)]
    sample = await place.completed(*urls, grid=grid)
    for name, content in zip(("1", "2", "3", "4", "grid"), contents, strict=True):
        assert (await place.get(sample, name)).content == content
    answer = await place.api.get(f"/v1/jobs/{sample.up}/images/grid", headers=key("auditor"))
    assert answer.content == contents[4]


async def test_an_image_that_a_job_does_not_have_is_not_found(place: Place) -> None:
    """A second of one, no grid, no such name, a job that still runs, somebody else's; nothing is fetched."""
    sample = await place.completed(place.cdn.put("/a", picture()))
    for name in ("2", "grid", "0", "5", "01", "one", "%2e%2e", "1.png", "\N{SUPERSCRIPT ONE}"):
        assert_problem(await place.get(sample, name), 404)
    running = await Sample(place.store).in_state(State.PROCESSING)
    assert "PROCESSING" in assert_problem(await place.get(running), 404)["detail"]
    assert_problem(await place.get(sample, caller="shop"), 404)
    assert place.cdn.asked == []


async def test_once_it_has_expired_an_image_is_gone(place: Place) -> None:
    """Also one that is still in memory: no answer depends on which process is asked."""
    url = place.cdn.put("/a", picture())
    fresh, old = await place.completed(url), await place.completed(url, at=utc_now() - timedelta(hours=25))
    assert (await place.get(fresh)).status_code == 200
    assert assert_problem(await place.get(old), 410)["type"] == "/docs#gone"
    assert place.cdn.count("/a") == 1


@pytest.mark.parametrize("status", [404, 410])
async def test_what_upstream_has_deleted_is_gone(place: Place, status: int) -> None:
    """Before its time, too."""
    assert_problem(await place.got("/a", plain(b"", status=status)), 410)


async def test_what_is_in_memory_outlives_its_deletion(place: Place) -> None:
    """Until the job's resultExpiresAt: nobody asks again."""
    sample = await place.completed(place.cdn.put("/a", picture()))
    assert (await place.get(sample)).status_code == 200
    del place.cdn.answers["/a"]
    assert (await place.get(sample)).status_code == 200


@pytest.mark.parametrize("query", ["width=15", "width=2049", "width=x", "width=", "width=%C2%B2", "width=1e2"])
async def test_a_width_that_makes_no_sense_is_refused(place: Place, query: str) -> None:
    """By name; so are a second width and what nobody knows."""
    sample = await place.completed(place.cdn.put("/a", picture()))
    assert_problem(await place.get(sample, params=query), 422, field="width")
    assert_problem(await place.get(sample, params="width=20&width=30"), 422, field="width")
    assert_problem(await place.get(sample, params="w=20"), 422, field="w")


# Smaller ones


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("PNG", "RGB"), ("PNG", "RGBA"), ("PNG", "P"), ("PNG", "I;16"), ("JPEG", "CMYK"), ("JPEG", "L"), ("GIF", "P")],
)
async def test_a_thumbnail_has_the_width_that_is_asked_for(place: Place, kind: str, mode: str) -> None:
    """And the shape of the image, in far fewer bytes, from every kind of picture."""
    content = picture(640, 320, kind, mode)
    sample = await place.completed(place.cdn.put("/a", content))
    small = await place.get(sample, params={"width": 160})
    assert small.headers["content-type"] == "image/webp"
    assert (opened(small.content).size, opened(small.content).format) == ((160, 80), "WEBP")
    assert len(small.content) < len(content) / 4
    assert small.headers["content-disposition"].endswith('.webp"')


async def test_a_thumbnail_shows_what_the_image_shows(place: Place) -> None:
    """Upright, where the file says how it was held; as transparent as it was."""
    turned = picture(320, 640, "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0")
    small = await place.get(await place.completed(place.cdn.put("/a", turned)), params={"width": 64})
    assert opened(small.content).size == (64, 32)
    clear = await place.completed(place.cdn.put("/b", picture(mode="RGBA", alpha=100)))
    shown = opened((await place.get(clear, params={"width": 64})).content)
    assert (shown.mode, shown.getchannel("A").getextrema()) == ("RGBA", (100, 100))


async def test_no_thumbnail_is_larger_than_the_image(place: Place) -> None:
    """It is the image itself then."""
    sample = await place.completed(place.cdn.put("/a", content := picture(100, 50)))
    for width in (100, 101, 2048):
        assert (await place.get(sample, params={"width": width})).content == content


# How often the CDN is asked


async def test_a_hundred_requests_for_an_image_make_one_fetch(place: Place) -> None:
    """At once, and later; originals and thumbnails of two widths alike."""
    gate = asyncio.Event()
    sample = await place.completed(place.cdn.put("/a", gated(gate, content := picture())))
    asked = [
        asyncio.create_task(place.get(sample, params=(None, {"width": 32}, {"width": 64})[n % 3])) for n in range(99)
    ]
    while not place.cdn.count("/a"):
        await asyncio.sleep(0.005)
    gate.set()
    answers = await asyncio.gather(*asked)
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 3
    assert (await place.get(sample)).content == content
    assert place.cdn.count("/a") == 1


async def test_a_client_that_goes_away_does_not_end_the_fetch_for_others(place: Place) -> None:
    """Though it was the first to ask."""
    gate = asyncio.Event()
    sample = await place.completed(place.cdn.put("/a", gated(gate, picture())))
    path = f"/v1/jobs/{sample.job.id}/images/1"
    async with wire(str(place.api.base_url)) as line:
        await line.send(f"GET {path} HTTP/1.1\r\nHost: x\r\nX-API-Key: {KEYS['editor'][0]}\r\n\r\n".encode())
        while not place.cdn.count("/a"):
            await asyncio.sleep(0.005)
    second = asyncio.create_task(place.get(sample))
    await asyncio.sleep(0.05)
    gate.set()
    assert (await second).status_code == 200
    assert place.cdn.count("/a") == 1


async def test_a_failure_is_not_kept(place: Place) -> None:
    """The next request asks again."""
    sample = await place.completed(place.cdn.put("/a", plain(b"", status=503)))
    assert_problem(await place.get(sample), 503)
    place.cdn.put("/a", picture())
    assert (await place.get(sample)).status_code == 200


async def test_few_are_fetched_at_once_and_the_others_wait_in_line(hasty: Place) -> None:
    """And not for ever: who has no turn in time is told to come again."""
    gate = asyncio.Event()
    samples = [await hasty.completed(hasty.cdn.put(f"/{n}", gated(gate, picture()))) for n in range(7)]
    asked = [asyncio.create_task(hasty.get(sample)) for sample in samples]
    while len(hasty.cdn.asked) < 4:
        await asyncio.sleep(0.01)
    await asyncio.sleep(PATIENCE / 4)
    assert len(hasty.cdn.asked) == 4
    answers = await asyncio.gather(*asked)
    assert {answer.status_code for answer in answers} == {503}
    assert {assert_problem(answer, 503)["type"] for answer in answers} == {"/docs#upstream-unavailable", "/docs#busy"}
    gate.set()
    assert (await hasty.get(samples[6])).status_code == 200


# A hostile CDN


def png_of(width: int, height: int) -> bytes:
    """A PNG that says it is as large as this, and has nearly nothing in it."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    )


HTML = b"<!doctype html><script>alert(1)</script>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


@pytest.mark.parametrize(
    "answer",
    [
        plain(HTML, "text/html"), plain(HTML), plain(SVG, "image/svg+xml"), plain(b""), plain(b"\x89PNG\r\n\x1a\n"),
        plain(picture()[:-2000]), plain(picture(kind="JPEG")[:-2000]), plain(picture() * 2, status=206),
        plain(png_of(50_000, 50_000)), plain(png_of(5_000, 5_000)), plain(png_of(20_000, 100)), plain(png_of(0, 9)),
        plain(picture(kind="JPEG") + b"\xff\xda" * 300), plain(picture(kind="BMP"), "image/bmp"),
        plain(gzip.compress(picture()), content_encoding="gzip"), plain(b"", status=403), plain(b"", status=204),
        plain(b"", status=302),
    ],
    ids=[
        "HTML", "HTML as a PNG", "SVG", "nothing", "only a beginning", "a PNG cut short", "a JPEG cut short", "a part",
        "a bomb", "25 megapixels", "too wide", "no width", "300 scans", "BMP", "packed", "403", "204", "nowhere",
    ],
)  # fmt: skip
async def test_what_is_no_whole_image_is_not_passed_on(place: Place, answer: Answer) -> None:
    """A fault of upstream's, in which nothing of what came is repeated; the service goes on."""
    problem = assert_problem(await place.got("/a", answer), 502)
    assert problem["type"] == "/docs#upstream-fault"
    assert "alert" not in str(problem)
    assert (await place.api.get("/healthz")).status_code == 200


async def test_an_endless_body_is_read_to_the_limit_and_no_further(place: Place) -> None:
    """Declared or not."""
    problem = assert_problem(await place.got("/a", dripping(picture(), b"\0" * 1024 * 1024, 0)), 502)
    assert f"{MAX_BYTES:,}" in problem["detail"]
    assert_problem(await place.got("/b", plain(b"\0" * (MAX_BYTES + 1))), 502)


async def test_a_slow_body_is_given_up_in_time(hasty: Place) -> None:
    """In whole, however regularly a byte comes."""
    started = asyncio.get_running_loop().time()
    answer = await hasty.got("/a", dripping(picture()[:50], b"\0", PATIENCE / 10))
    assert assert_problem(answer, 503)["type"] == "/docs#upstream-unavailable"
    assert int(answer.headers["retry-after"]) > 0
    assert asyncio.get_running_loop().time() - started < PATIENCE + 8


@pytest.mark.parametrize("status", [429, 500, 502, 503])
async def test_a_cdn_that_is_not_well_is_asked_again_later(place: Place, status: int) -> None:
    """503 with Retry-After."""
    answer = await place.got("/a", plain(b"", status=status))
    assert_problem(answer, 503)
    assert answer.headers["retry-after"] == "5"


@pytest.mark.parametrize(
    "spoken", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n\x89PNG", b"SSH-2.0-x\r\n\r\n"]
)
async def test_a_connection_that_is_cut_is_no_image(store: JobStore, redis_url: str, spoken: bytes) -> None:
    """Before the answer, within it, and where no HTTP is spoken."""

    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(spoken)
        writer.close()

    async with await asyncio.start_server(cut, "127.0.0.1", 0) as server:
        url = "http://{}:{}".format(*server.sockets[0].getsockname())
        async with (
            serving(create_app(settings_for(redis_url, apiframe_base_url=url))) as ours,
            httpx.AsyncClient(base_url=ours, timeout=30) as api,
        ):
            here = Place(store, api, Shelves())
            assert_problem(await here.get(await here.completed(f"{url}/a")), 503)


async def test_nobody_at_the_address_is_a_cdn_that_is_away(store: JobStore, redis_url: str) -> None:
    """Nothing listens there."""
    url = "http://127.0.0.1:9"
    async with (
        serving(create_app(settings_for(redis_url, apiframe_base_url=url))) as ours,
        httpx.AsyncClient(base_url=ours, timeout=30) as api,
    ):
        here = Place(store, api, Shelves())
        assert_problem(await here.get(await here.completed(f"{url}/a")), 503)


async def test_a_redirect_is_followed_at_home_and_nowhere_else(place: Place) -> None:
    """A few times. Another port is another host; so is the same machine by another name."""
    place.cdn.put("/b", content := picture())
    place.cdn.put("/a", redirect("b"))
    assert (await place.got("/r", redirect("/a"))).content == content
    async with cdn() as elsewhere:
        target = elsewhere.put("/x", picture())
        for address in (target, target.replace("http:", ""), target.replace("127.0.0.1", "localhost"), "file:///etc/x"):
            assert_problem(await place.got("/e", redirect(address)), 502)
        assert elsewhere.asked == []


async def test_a_redirect_in_a_circle_ends(place: Place) -> None:
    """After a few hops."""
    assert_problem(await place.got("/c", redirect("/c")), 502)
    assert place.cdn.count("/c") == MAX_HOPS + 1


async def test_an_address_that_only_looks_like_home_is_not_fetched(place: Place) -> None:
    """Whatever a result names: users, other names of a host, other ports, other schemes."""
    port = place.cdn.url.rpartition(":")[2]
    async with cdn() as elsewhere:
        far = elsewhere.url.removeprefix("http://")
        for url in (
            f"http://user@127.0.0.1:{port}/a", f"http://:@127.0.0.1:{port}/a", f"http://127.0.0.1:{port}@{far}/a",
            f"http://{far}#@127.0.0.1:{port}/", f"http://{far}\\@127.0.0.1:{port}/", f"http://127.0.0.1:{port}\\@{far}/a",
            f"http://127.0.0.1.:{port}/a", f"http://localhost:{port}/a", f"http://[::1]:{port}/a",
            f"http://[::ffff:127.0.0.1]:{port}/a", f"http://2130706433:{port}/a", f"http://0x7f.1:{port}/a",
            f"http://{far}/a", "http://127.0.0.1/a", f"http://127.0.0.1:{port}.{far}/a", "http://127.0.0.1:99999/a",
            f"https://{far}/a", "https://cdn.apiframe.ai.evil.example/a", "https://evil.example/cdn.apiframe.ai",
            "https://cdn.apiframe.ai:8443/a", "https://cdn.apiframe.ai./a", "https://cdn.apiframe.ai@evil.example/a",
            "http://[::1/a", "https://cdn\uff0eapiframe\u3002ai.evil.example/",
        ):  # fmt: skip
            answer = await place.get(await place.completed(url))
            assert_problem(answer, 502)
        assert (elsewhere.asked, place.cdn.asked) == ([], [])


# All of it together


async def test_a_real_jobs_images_come_through_us(redis_url: str, store: JobStore) -> None:
    """Those of the stand-in's: to the byte, the grid too, and smaller."""
    async with town(redis_url) as here:
        job = await here.end_of(await here.submit())
        for name, url in zip(
            ("1", "4", "grid"), [*job["result"]["images"][::3], job["result"]["gridUrl"]], strict=True
        ):
            answer = await here.api.get(f"/v1/jobs/{job['id']}/images/{name}", headers=key("editor"))
            assert answer.content == (await here.sandbox.get(url)).content
            small = await here.api.get(f"/v1/jobs/{job['id']}/images/{name}?width=32", headers=key("editor"))
            assert opened(small.content).size == (32, 32)
        shown = (await here.api.get("/metrics")).text
        assert 'tracker_images_total{from="upstream"} 3.0' in shown
        assert 'tracker_images_total{from="memory"} 3.0' in shown
