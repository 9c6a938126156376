"""A picture: what its bytes are found to be, and how a smaller one is made. Pure, and CPU work: call it in a thread."""

import hashlib
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageOps
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile

from tracker.errors import UpstreamFault
from tracker.masks import FROM_16_BIT, MAX_SCANS, READERS

MAX_PIXELS = 20_000_000
"""Room for 4096 x 4096, the largest that Midjourney makes; 80 MB once it is decoded."""
MAX_SIDE = 16_383
"""Of a WebP."""
QUALITY = 82


@dataclass(frozen=True, eq=False)
class Picture:
    """`width` and `height` in pixels as it is shown, `kind` as in `image/{kind}`; `etag` stands for the bytes."""

    content: bytes
    kind: str
    width: int
    height: int
    etag: str


def judged(content: bytes) -> Picture:
    """What upstream sent, wholly decoded once: it is whole, and no more than it says. Raises UpstreamFault."""
    with _opened(content) as image:
        return _picture(content, str(image.format).lower(), *image.size)


def thumbnail(original: Picture, width: int) -> Picture:
    """A WebP of this width, which must be less than the original's; of an animation, its first frame."""
    with _opened(original.content) as image:
        size = width, max(1, round(original.height * width / original.width))
        small = _shown(image).resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
        out = BytesIO()
        small.save(out, "WEBP", quality=QUALITY)
    return _picture(out.getvalue(), "webp", *size)


def _picture(content: bytes, kind: str, width: int, height: int) -> Picture:
    return Picture(content, kind, width, height, f'"{hashlib.sha256(content).hexdigest()[:32]}"')


def _opened(content: bytes) -> ImageFile:
    """Decoded and upright; its size is known to be sane before any pixel is. Why not Image.open is told in `masks`."""
    reader = next((reader for magic, reader in READERS.items() if content.startswith(magic)), None)
    if reader is None:
        raise UpstreamFault("What lies at the image's address is no PNG, JPEG, WebP or GIF.")
    if reader is JpegImageFile and content.count(b"\xff\xda") > MAX_SCANS:
        raise UpstreamFault(f"The image is a JPEG of more than {MAX_SCANS} scans.")
    try:
        image = reader(BytesIO(content))
        _require_sane(*image.size)
        image.load()
        ImageOps.exif_transpose(image, in_place=True)
    except UpstreamFault:
        raise
    except Exception as error:  # Pillow meets damage with whatever was at hand: OSError, SyntaxError, KeyError, …
        raise UpstreamFault(f"The {reader.format} at the image's address is damaged.") from error
    return image


def _require_sane(width: int, height: int) -> None:
    if not (min(width, height) > 0 and max(width, height) <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise UpstreamFault(
            f"The image is {width} x {height} pixels; each side may have {MAX_SIDE:,}, both together {MAX_PIXELS:,}."
        )


def _shown(image: Image.Image) -> Image.Image:
    """In colours that a WebP has."""
    if image.mode.startswith("I;16"):
        return image.convert("I").point(FROM_16_BIT, "L").convert("RGB")
    mode = "RGBA" if image.has_transparency_data else "RGB"
    return image if image.mode == mode else image.convert(mode)
