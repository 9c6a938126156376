"""The pictures: what is black in a mask comes back to the pixel, what is white does not."""

import asyncio
import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from sandbox import canvas, painter, scene
from sandbox.scene import SUBJECTS
from tests.sandbox.actors import Caller, png_text

SIZE = 96


async def _pixels(apiframe: Caller, url: str) -> NDArray[np.int16]:
    return np.asarray((await apiframe.image(url)).convert("RGB"), np.int16)


def _mask(name: str = "balloon", soft: float = 0) -> Image.Image:
    image = Image.new("L", (SIZE, SIZE))
    ImageDraw.Draw(image).polygon(SUBJECTS[name].polygon(SIZE, SIZE), fill=255)
    return image.filter(ImageFilter.GaussianBlur(soft))


async def _inpainted(apiframe: Caller, mask: Image.Image) -> tuple[NDArray[np.int16], Any]:
    parent = await apiframe.seed(width=SIZE, height=SIZE)
    job = await apiframe.settled(await apiframe.inpaint(parent, mask=png_text(mask)))
    return await _pixels(apiframe, f"/images/{parent}-1.png"), job


@pytest.mark.parametrize("soft", [0, 3])
async def test_black_comes_back_to_the_pixel_and_white_is_repainted(apiframe: Caller, soft: float) -> None:
    """For a hard and for a soft brush, in all four candidates."""
    mask = _mask(soft=soft)
    before, job = await _inpainted(apiframe, mask)
    levels = np.asarray(mask)
    for url in job["result"]["images"]:
        after = await _pixels(apiframe, url)
        assert (after[levels == 0] == before[levels == 0]).all()
        assert np.abs(after - before)[levels == 255].mean() > 10


async def test_the_four_candidates_differ_visibly(apiframe: Caller) -> None:
    """Each pair of them, within the white."""
    mask = np.asarray(_mask("cabin")) > 0
    _, job = await _inpainted(apiframe, _mask("cabin"))
    candidates = [await _pixels(apiframe, url) for url in job["result"]["images"]]
    for one, other in itertools.combinations(candidates, 2):
        assert np.abs(one - other)[mask].mean() > 2


async def test_a_grid_shows_all_four_at_half_scale(apiframe: Caller) -> None:
    """Two by two, in the order of the images."""
    _, job = await _inpainted(apiframe, _mask())
    grid = await _pixels(apiframe, job["result"]["gridUrl"])
    half = SIZE // 2
    for n, url in enumerate(job["result"]["images"]):
        tile = grid[n // 2 * half : (n // 2 + 1) * half, n % 2 * half : (n % 2 + 1) * half]
        small = (await apiframe.image(url)).convert("RGB").resize((half, half), Image.Resampling.BOX)
        assert np.abs(tile - np.asarray(small, np.int16)).max() <= 1


async def test_an_upsample_is_the_chosen_image_of_its_grid(apiframe: Caller) -> None:
    """To the byte."""
    grid = await apiframe.settled(await apiframe.generate(midjourneyParams={"aspect_ratio": "3:1"}))
    accepted = await apiframe.submit({"action": "upsample", "index": 4, "parentJobId": grid["id"]})
    single = await apiframe.settled(accepted)
    urls = single["result"]["images"][0], grid["result"]["images"][3]
    one, other = [(await apiframe.http.get(url)).content for url in urls]
    assert one == other


async def test_many_readers_get_one_painting(apiframe: Caller) -> None:
    """Painted once, the same bytes for all, as PNG, without a key."""
    _, job = await _inpainted(apiframe, _mask())
    del apiframe.http.headers["X-API-Key"]
    answers = await asyncio.gather(*(apiframe.http.get(job["result"]["images"][1]) for _ in range(6)))
    assert {answer.headers["content-type"] for answer in answers} == {"image/png"}
    assert len({answer.content for answer in answers}) == 1


async def test_a_file_that_is_not_there_is_a_404(apiframe: Caller) -> None:
    """Number five, the grid of an upsample, the file of a job that still runs."""
    parent = await apiframe.seed()
    for name in (f"{parent}-2", f"{parent}-grid", f"{parent}-0", "nonsense", "-1"):
        assert (await apiframe.http.get(f"/images/{name}.png")).status_code == 404
    await apiframe.mischief(job_stalled=1)
    running = (await apiframe.generate()).json()["jobId"]
    assert (await apiframe.http.get(f"/images/{running}-1.png")).status_code == 404


async def test_a_picture_of_ones_own_can_be_the_parent(apiframe: Caller) -> None:
    """Its size is the one that masks must have."""
    picture = Image.radial_gradient("L").resize((80, 48)).convert("RGB")
    parent = await apiframe.seed(image=png_text(picture))
    assert np.array_equal(np.asarray(await apiframe.image(f"/images/{parent}-1.png")), np.asarray(picture))
    mask = Image.new("L", (80, 48))
    mask.paste(255, (20, 10, 50, 30))
    job = await apiframe.settled(await apiframe.inpaint(parent, mask=png_text(mask)))
    assert (await apiframe.image(job["result"]["images"][0])).size == (80, 48)


@pytest.mark.parametrize(
    ("body", "size"),
    [
        ({"action": "outpaint", "zoomRatio": 1.5}, (96, 64)),
        ({"action": "pan", "direction": "left"}, (144, 64)),
        ({"action": "pan", "direction": "down"}, (96, 96)),
    ],
)
async def test_the_other_actions_paint_too(apiframe: Caller, body: dict[str, Any], size: tuple[int, int]) -> None:
    """A zoom keeps the size, a pan is half as long again in its direction."""
    parent = await apiframe.seed(width=96, height=64)
    job = await apiframe.settled(await apiframe.submit({**body, "parentJobId": parent}))
    assert (await apiframe.image(job["result"]["images"][2])).size == size


async def test_a_variation_is_another_picture_of_the_same_prompt(apiframe: Caller) -> None:
    """Of the same size."""
    grid = await apiframe.settled(await apiframe.generate(midjourneyParams={"aspect_ratio": "1:3"}))
    accepted = await apiframe.submit({"action": "variation", "index": 1, "parentJobId": grid["id"]})
    job = await apiframe.settled(accepted)
    ours, theirs = [await _pixels(apiframe, each["result"]["images"][0]) for each in (job, grid)]
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).mean() > 1


def test_a_pan_keeps_the_pixels_of_its_parent() -> None:
    """On the side opposite to its direction."""
    parent = scene.draw("x", 1, (64, 48))
    assert np.array_equal(canvas.pan(parent, "right", 2)[:, :64], parent)
    assert np.array_equal(canvas.pan(parent, "up", 2)[24:], parent)


@pytest.mark.parametrize("box", [(0, 0, 48, 6), (1, 1, 47, 47), (0, 0, 48, 48), (20, 20, 21, 21), (0, 0, 24, 48)])
def test_any_hole_can_be_filled(box: tuple[int, int, int, int]) -> None:
    """At the border, almost everything, everything, one pixel, one half."""
    parent = scene.draw("x", 2, (48, 48))
    image = Image.new("L", (48, 48))
    image.paste(255, box)
    mask = np.asarray(image)
    for n in (1, 2, 3, 4):
        painted = painter.inpaint(parent, mask, n, seed=1)
        assert np.array_equal(painted[mask == 0], parent[mask == 0])


def test_an_empty_mask_changes_nothing() -> None:
    """All of it is to be preserved."""
    parent = scene.draw("x", 2, (64, 64))
    assert np.array_equal(painter.inpaint(parent, np.zeros((64, 64), np.uint8), 1, 1), parent)


def test_painting_and_drawing_are_repeatable() -> None:
    """Same prompt, same seed: same picture."""
    parent = scene.draw("x", 3, (96, 96))
    assert np.array_equal(parent, scene.draw("x", 3, (96, 96)))
    mask = np.asarray(_mask().resize((96, 96)))
    assert np.array_equal(painter.inpaint(parent, mask, 2, 5), painter.inpaint(parent, mask, 2, 5))


def test_the_four_hours_of_a_scene_differ_and_show_all_subjects() -> None:
    """Within each subject's outline the picture differs from the same place in the mirror, where nothing stands."""
    hours = [scene.draw("x", n, (256, 256)).astype(np.int16) for n in (1, 2, 3, 4)]
    for one, other in itertools.combinations(hours, 2):
        assert np.abs(one - other).mean() > 10
    for subject in SUBJECTS.values():
        image = Image.new("L", (256, 256))
        ImageDraw.Draw(image).polygon(subject.polygon(256, 256), fill=255)
        inside = np.asarray(image) > 0
        assert np.abs(hours[1] - hours[1][:, ::-1])[inside].mean() > 15
