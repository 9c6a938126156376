"""An inpaint mask, from base64 to a judged image."""

import asyncio
import base64
import binascii
import hashlib
import io
import re
from collections import OrderedDict
from dataclasses import dataclass

from PIL import Image

from sandbox.refusals import Invalid

GREY = range(48, 208)
MOST_GREY = 0.25
MOST_PIXELS = 64_000_000


@dataclass(frozen=True, slots=True)
class Mask:
    """`png` is the file as it was sent; `size` is (width, height) in pixels."""

    png: bytes
    size: tuple[int, int]

    def pixels(self) -> Image.Image:
        """Mode L: 255 repaints, 0 preserves."""
        return _grey(self.png)


class Masks:
    """Judges masks off the event loop, and remembers the latest verdicts: load runs send one mask often."""

    def __init__(self, remembered: int = 64) -> None:
        self._known: OrderedDict[bytes, Mask] = OrderedDict()
        self._remembered = remembered

    async def read(self, text: str) -> Mask:
        """Raises `Invalid`, naming the field `mask`."""
        digest = hashlib.sha256(text.encode()).digest()
        if digest not in self._known:
            self._known[digest] = await asyncio.to_thread(judge, text)
        self._known.move_to_end(digest)
        mask = self._known[digest]
        while len(self._known) > self._remembered:
            self._known.popitem(last=False)
        return mask


def judge(text: str) -> Mask:
    """The mask in `text`: base64, with or without a `data:image/...;base64,` prefix; else `Invalid`."""
    png = _decode(text)
    try:
        grey = _grey(png)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise _refused("Mask is not an image that can be decoded") from None
    counts = grey.histogram()
    if sum(counts[level] for level in GREY) > MOST_GREY * grey.width * grey.height:
        raise _refused("Mask must be black and white: white is repainted, black is preserved")
    return Mask(png, grey.size)


def same_size(mask: Mask, parent: tuple[int, int]) -> None:
    """Raises `Invalid` naming both sizes."""
    if mask.size != parent:
        ours, theirs = ("x".join(map(str, size)) for size in (mask.size, parent))
        raise _refused(f"Mask is {ours} but the parent image is {theirs}: they must have the same dimensions")


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(re.sub(r"^data:image/[\w.+-]+;base64,", "", text), validate=True)
    except (binascii.Error, ValueError):
        raise _refused("Mask is not valid base64") from None


def _grey(png: bytes) -> Image.Image:
    with Image.open(io.BytesIO(png)) as image:
        if image.width * image.height > MOST_PIXELS:
            raise ValueError("too many pixels")
        if not image.has_transparency_data:
            return image.convert("L")
        black = Image.new("RGBA", image.size, "black")
        return Image.alpha_composite(black, image.convert("RGBA")).convert("L")


def _refused(message: str) -> Invalid:
    return Invalid({"mask": [message]})
