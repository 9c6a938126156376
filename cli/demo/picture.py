"""The masks that the demo draws, and the picture that it leaves: before | mask | after, four times."""

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter, ImageFont

from sandbox.subjects import SUBJECTS

TILE = 340
GAP = 14
HEAD = 44
PAPER, INK, FAINT = (250, 249, 246), (28, 28, 30), (120, 118, 112)


@dataclass(frozen=True)
class Wish:
    """One of the demo's jobs: what is to go, and what is to come there."""

    subject: str
    prompt: str

    @property
    def title(self) -> str:
        return f"without the {self.subject}"


WISHES = (
    Wish("balloon", "clear evening sky"),
    Wish("boat", "calm open water"),
    Wish("cabin", "a quiet shore with grass and reeds"),
)


def draw_mask(parent: bytes, wish: Wish) -> bytes:
    """As an editor's soft brush would: white where the subject stands, black elsewhere, a feathered edge."""
    size = Image.open(io.BytesIO(parent)).size
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).polygon(SUBJECTS[wish.subject].polygon(*size), fill=255)
    rounded = mask.filter(ImageFilter.GaussianBlur(min(size) / 64)).point(lambda value: 255 * (value >= 96))
    return _png(rounded.filter(ImageFilter.GaussianBlur(min(size) / 256)))


def contact_sheet(rows: list[tuple[Wish, bytes, bytes, list[bytes]]], path: Path) -> None:
    """A row a job: `(wish, before, mask, after)`, images as bytes."""
    columns = 2 + max(len(after) for *_, after in rows)
    sheet = Image.new("RGB", (GAP + columns * (TILE + GAP), HEAD + len(rows) * (TILE + HEAD + GAP)), PAPER)
    draw = ImageDraw.Draw(sheet)
    for column, title in enumerate(["before", "mask", *(f"after {n}" for n in range(1, columns - 1))]):
        draw.text((GAP + column * (TILE + GAP), HEAD / 2), title, INK, _font(20), anchor="lm")
    for row, (wish, before, mask, after) in enumerate(rows):
        top = HEAD + row * (TILE + HEAD + GAP)
        for column, data in enumerate([before, mask, *after]):
            sheet.paste(_tile(data), (GAP + column * (TILE + GAP), top))
        draw.text((GAP, top + TILE + HEAD / 2), f"{wish.title}: “{wish.prompt}”", FAINT, _font(17), anchor="lm")
    sheet.save(path, optimize=True)


def _tile(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB").resize((TILE, TILE), Image.Resampling.LANCZOS)


def _font(size: int) -> "ImageFont.FreeTypeFont | ImageFont.ImageFont":
    return ImageFont.load_default(size)


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
