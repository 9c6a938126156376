"""A mask is decoded, judged and measured here: bytes in, a plain black and white PNG or one `MaskRefused` out.

White is repainted, black is kept. Black and white is judged and not assumed: what is grey must be a soft edge
(antialiasing, a feathered brush, JPEG ringing), which is then snapped to the nearer of the two. Pure: no I/O, no
state. It is CPU work, tens of milliseconds for a usual mask and about two seconds for the largest: call it off
the event loop. `docs/masks.md` tells callers the same.
"""

import binascii
import hashlib
import re
import zlib
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from typing import cast

from PIL import Image, ImageChops, ImageFilter, ImageOps
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile
from pydantic_core import SchemaValidator, core_schema

from tracker.errors import MaskRefused
from tracker.job import MaskFacts

MAX_BYTES = 8_000_000  # decoded
MAX_CHARS = 12_000_000  # base64 characters as sent
MIN_SIDE, MAX_SIDE = 8, 8192
MAX_PIXELS = 33_554_432
MAX_SCANS = 256  # of a progressive JPEG, which usually has ten; each goes over the whole picture

NEAR_BLACK, MIDDLE, NEAR_WHITE = (
    31,
    128,
    224,
)  # luminance: black up to here, snapped to white from here, white from here
COLOUR = 48  # channels that lie further apart are a colour
STRAYS = 0.0001  # share of pixels that may be grey or coloured anywhere
SOFT = 0.5  # share of pixels that soft edges may take: noise has black and white near every grey

# Not Image.open: it warns of large pictures, and only a filter for the whole process could silence that.
# Its JPEG reader would also take a phone's picture with an embedded preview for two frames.
READERS: dict[bytes, type[ImageFile]] = {
    b"\x89PNG": PngImageFile,
    b"\xff\xd8\xff": JpegImageFile,
    b"RIFF": WebPImageFile,
    b"GIF8": GifImageFile,
}

_ENCODED = (b"iVBORw0", b"/9j/", b"UklGR", b"R0lGOD")
"""How these begin in base64."""
DATA_URL = re.compile(r"\s*data:[^,]{0,200};\s*base64\s*,", re.IGNORECASE)
WELL_FORMED = re.compile(r"[A-Za-z0-9+/_\-\s]*[=\s]*", re.ASCII)
URL_SAFE = bytes.maketrans(b"-_", b"+/")
BLANKS = b" \t\n\r\f\v"
QUICKLY = SchemaValidator(core_schema.bytes_schema(), {"val_json_bytes": "base64"})

IS_GREY = [255 * (NEAR_BLACK < v < NEAR_WHITE) for v in range(256)]
IS_BLACK = [255 * (v <= NEAR_BLACK) for v in range(256)]
IS_WHITE = [255 * (v >= NEAR_WHITE) for v in range(256)]
IS_COLOUR = [255 * (v > COLOUR) for v in range(256)]
IS_ANY = [255 * (v > 0) for v in range(256)]
SNAPPED = [255 * (v >= MIDDLE) for v in range(256)]
FROM_16_BIT = [v >> 8 for v in range(65536)]


@dataclass(frozen=True)
class Mask:
    """`facts` about the mask as it was sent (pixels upright, coverage to 6 places), `png` to hold and to send."""

    facts: MaskFacts
    png: bytes


def from_base64(text: str) -> Mask:
    """Base64, also URL-safe, wrapped, unpadded or behind a `data:…;base64,` prefix. Call it in a thread."""
    if len(text) > MAX_CHARS:
        raise MaskRefused(
            f"The base64 text has {len(text):,} characters, and {MAX_CHARS:,} is the limit: "
            "send the mask as a PNG, which is small for black and white."
        )
    prefix = DATA_URL.match(text)
    start = prefix.end() if prefix else 0
    written = text[start:].encode("ascii", "replace")
    try:
        data = _unpacked(written)
    except binascii.Error:
        raise MaskRefused(_fault(text, start, len(_digits(written)))) from None
    return from_bytes(data)


def _unpacked(written: bytes) -> bytes:
    """pydantic's reader takes a fifth of the time of Python's, which judges what the other refuses. Raises Error."""
    if b"\\" not in written:  # it reads JSON, where one may write a digit in another way
        with suppress(ValueError):
            return cast(bytes, QUICKLY.validate_json(b'"' + written + b'"'))
    digits = _digits(written)
    return binascii.a2b_base64(digits + b"=" * (-len(digits) % 4), strict_mode=True)


def _digits(written: bytes) -> bytes:
    return written.translate(URL_SAFE, BLANKS).rstrip(b"=")


def from_bytes(data: bytes) -> Mask:
    """The bytes of a PNG, JPEG, WebP or GIF file; the same bytes always give the same `png`. Call it in a thread."""
    _require_a_sane_length(data)
    bands = _bands(_decoded(data))
    level = bands[0] if len(bands) == 1 else Image.merge("RGB", bands).convert("L")
    snapped = level.point(SNAPPED)
    if len(bands) > 1 or _some_grey(level, snapped):
        _require_black_and_white(level, bands)
    white = snapped.tobytes().count(b"\xff")
    if not white:
        raise MaskRefused(
            f"Nothing in the mask is white (its lightest pixel is {level.getextrema()[1]} of 255): "
            "make white (255) what is to be repainted; black and transparent are kept."
        )
    width, height = snapped.size
    coverage = round(white / (width * height), 6)
    facts = MaskFacts(sha256=hashlib.sha256(data).hexdigest(), width=width, height=height, coverage=coverage)
    return Mask(facts, _png(snapped))


def _some_grey(level: Image.Image, snapped: Image.Image) -> bool:
    """Most masks have none, and are nothing else than snapped, which is told in a twentieth of the time."""
    if ImageChops.difference(level, snapped).getbbox() is None:
        return False
    return any(count for count, grey in zip(level.histogram(), IS_GREY, strict=True) if grey)


def _fault(text: str, start: int, digits: int) -> str:
    """Why `text` is not base64, positions counted from 1 in the text as it was sent."""
    found = WELL_FORMED.match(text, start)
    end = found.end() if found else start
    if end == len(text):
        return f"The base64 text was cut short: {digits:,} digits are one too many or three too few; send it whole."
    return (
        f"The mask is not base64: character {end + 1:,} of {len(text):,} is {text[end]!r}, which cannot stand there; "
        "send the image itself in base64, not its path or address, and neither quoted nor escaped."
    )


def _require_a_sane_length(data: bytes) -> None:
    if not data:
        raise MaskRefused("The mask is empty: send a black and white image, white where it is to be repainted.")
    if len(data) > MAX_BYTES:
        raise MaskRefused(
            f"The mask has {len(data):,} bytes, and {MAX_BYTES:,} is the limit: "
            "send it as a PNG, which is small for black and white."
        )


def _decoded(data: bytes) -> Image.Image:
    """The picture upright; its size is known to be sane before any pixel is decoded."""
    reader = next((reader for magic, reader in READERS.items() if data.startswith(magic)), None)
    if reader is None:
        raise MaskRefused(
            f"The mask begins with {_shown(data[:8])}: it is no PNG, JPEG, WebP or GIF; send one of these."
        )
    if reader is JpegImageFile:
        _require_few_scans(data)
    try:
        image = reader(BytesIO(data))
        _require_still_and_sane(image)
        ImageOps.exif_transpose(image, in_place=True)
    except MaskRefused:
        raise
    except Exception as error:  # Pillow meets damage with whatever was at hand: OSError, SyntaxError, KeyError, …
        raise MaskRefused(
            f"The {reader.format} cannot be read: it is damaged, or was cut short at {len(data):,} bytes; "
            "send the file whole."
        ) from error
    return image


def _require_few_scans(data: bytes) -> None:
    """8 MB have room for ten thousand empty ones, which would take minutes."""
    scans = data.count(b"\xff\xda")
    if scans > MAX_SCANS:
        raise MaskRefused(f"The JPEG has {scans:,} scans, and {MAX_SCANS} is the limit: send the mask as a PNG.")


def _shown(beginning: bytes) -> str:
    """As text where it is text, with a hint where that is base64; else in hex."""
    if any(beginning.startswith(encoded) for encoded in _ENCODED):
        return f"{beginning.decode()!r}, the base64 of an image: as a file, send the image itself"
    text = beginning.decode("ascii", "replace")
    return repr(text) if text.isprintable() and text.isascii() else f"the bytes {beginning.hex(' ')}"


def _require_still_and_sane(image: ImageFile) -> None:
    if getattr(image, "is_animated", False):
        raise MaskRefused(f"The {image.format} is animated: send a mask of one frame.")
    width, height = image.size
    if not (min(image.size) >= MIN_SIDE and max(image.size) <= MAX_SIDE and width * height <= MAX_PIXELS):
        raise MaskRefused(
            f"The mask is {width} x {height} pixels: each side must have {MIN_SIDE} to {MAX_SIDE} pixels, "
            f"both together at most {MAX_PIXELS:,}, and both as many as the parent image."
        )


def _bands(image: Image.Image) -> list[Image.Image]:
    """One band of grey or three of colour, 8 bits each, laid over black: there, alpha is a factor."""
    if image.mode == "I;16":
        return [image.convert("I").point(FROM_16_BIT, "L")]
    mode = ("L" if image.mode in ("1", "L", "LA") else "RGB") + "A" * image.has_transparency_data
    bands = list((image if image.mode == mode else image.convert(mode)).split())
    alpha = bands.pop() if mode.endswith("A") else None
    return [ImageChops.multiply(band, alpha) for band in bands] if alpha else bands


def _require_black_and_white(level: Image.Image, bands: list[Image.Image]) -> None:
    edge = min(max(4, max(level.size) // 32), 250)  # above 254, the blur in _near would lose a single pixel
    strays = _strays(level, _coloured(bands), edge)
    count, pixels = strays.histogram()[255], level.width * level.height
    if count <= pixels * STRAYS:
        return
    at = _first(strays)
    value = [band.getpixel(at) for band in bands]
    raise MaskRefused(
        f"{count:,} of {pixels:,} pixels ({count / pixels:.2%}) are neither black nor white, for example the one at "
        f"x={at[0]}, y={at[1]} with the value {value[0] if len(set(value)) == 1 else tuple(value)}: threshold the "
        f"mask to 0 and 255; only soft edges between black and white, up to {edge} pixels wide and in all at most "
        f"{SOFT:.0%} of the mask, may be grey."
    )


def _strays(level: Image.Image, coloured: Image.Image, edge: int) -> Image.Image:
    """255 where a pixel is neither black nor white and no part of a soft edge. Colour never is."""
    level = Image.composite(Image.new("L", level.size, MIDDLE), level, coloured)
    grey = level.point(IS_GREY)
    count = grey.histogram()[255]
    if count == 0 or count > level.width * level.height * SOFT:
        return grey
    soft = ImageChops.darker(_near(level.point(IS_BLACK), edge), _near(level.point(IS_WHITE), edge))
    return ImageChops.lighter(ImageChops.subtract(grey, soft), coloured)


def _coloured(bands: list[Image.Image]) -> Image.Image:
    if len(bands) == 1:
        return Image.new("L", bands[0].size)
    red, green, blue = bands
    highest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    lowest = ImageChops.darker(ImageChops.darker(red, green), blue)
    return ImageChops.subtract(highest, lowest).point(IS_COLOUR)


def _near(pixels: Image.Image, edge: int) -> Image.Image:
    """255 within `edge` pixels of a 255. A box blur costs the same for every width; beyond the border is nothing."""
    for radius in ((edge, 0), (0, edge)):
        pixels = pixels.filter(ImageFilter.BoxBlur(radius)).point(IS_ANY)
    return pixels


def _first(found: Image.Image) -> tuple[int, int]:
    """Column and row of the first 255 in reading order; there must be one."""
    _, top, _, _ = found.getbbox() or (0, 0, 0, 0)
    left, _, _, _ = found.crop((0, top, found.width, top + 1)).getbbox() or (0, 0, 0, 0)
    return left, top


def _png(snapped: Image.Image) -> bytes:
    # 8 bits on purpose: a reader that turns a 1-bit PNG into the numbers 0 and 1 and compares them with 127
    # would keep everything, and 16 credits would still be charged.
    snapped.info.clear()  # a tRNS or ICC profile of the original would be written along
    out = BytesIO()
    # A mask is made of runs. Level 9 saves a few kilobytes and takes 50 times as long on a dithered mask.
    snapped.save(out, "PNG", compress_level=6, compress_type=zlib.Z_RLE)
    return out.getvalue()
