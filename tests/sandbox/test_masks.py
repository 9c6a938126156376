"""Masks: base64 of a black-and-white image."""

import base64

import pytest
from PIL import Image

from tests.sandbox.actors import Caller, mask, png_text


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("not base64!", "base64"),
        ("AAAA", "decoded"),
        (base64.b64encode(b"\x89PNG\r\n\x1a\n and no more").decode(), "decoded"),
        (mask()[: len(mask()) // 8 * 4], "decoded"),
        (png_text(Image.linear_gradient("L").resize((64, 64))), "black and white"),
    ],
    ids=["no base64", "no image", "no PNG", "half a PNG", "greys"],
)
async def test_a_mask_that_is_none_is_refused(apiframe: Caller, text: str, complaint: str) -> None:
    """400, and `details` names the field."""
    answer = await apiframe.inpaint(await apiframe.seed(), mask=text)
    assert answer.status_code == 400
    assert complaint in answer.json()["details"]["mask"][0]


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA"])
async def test_every_way_to_write_black_and_white_is_taken(apiframe: Caller, mode: str) -> None:
    """Palette, alpha and all."""
    image = Image.new("RGB", (64, 64))
    image.paste((255, 255, 255), (10, 10, 40, 40))
    answer = await apiframe.inpaint(await apiframe.seed(), mask=png_text(image.convert(mode)))
    assert answer.status_code == 202


async def test_a_data_url_prefix_is_stripped(apiframe: Caller) -> None:
    """`data:image/png;base64,` as browsers write it."""
    answer = await apiframe.inpaint(await apiframe.seed(), mask="data:image/png;base64," + mask())
    assert answer.status_code == 202
