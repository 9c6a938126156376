"""One image of one job, from its request and its parent's image, as PNG."""

import hashlib
from typing import Any

import cv2
import numpy as np

from sandbox import canvas, painter, scene
from sandbox.bodies import Inpaint, Outpaint, Pan, Upsample
from sandbox.brush import Pixels
from sandbox.jobs import Job


def paint(job: Job, n: int, parent: bytes | None) -> bytes:
    """Image `n` (1..4) of `job`; the same job and parent always give the same bytes."""
    if isinstance(job.request, Upsample) and parent is not None:
        return parent
    return encode(_pixels(job, n, decode(parent) if parent is not None else None))


def _pixels(job: Job, n: int, parent: Pixels | None) -> Pixels:
    if parent is None:
        return scene.draw(job.prompt, n, job.size)
    match job.request:
        case Inpaint() if job.mask:
            return painter.inpaint(parent, np.asarray(job.mask.pixels()), n, seed_of(job.prompt, n))
        case Outpaint(zoom_ratio=ratio):
            return canvas.zoom_out(parent, ratio, n)
        case Pan(direction=direction):
            return canvas.pan(parent, direction, n)
        case _:
            return scene.draw(job.prompt, n, job.size, take=job.number)


def grid(tiles: list[bytes]) -> bytes:
    """The 2x2 composite of four images, each at half its scale, so that the whole has the size of one."""
    small = [cv2.resize(decode(tile), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA) for tile in tiles]
    rows = [np.hstack(small[:2]), np.hstack(small[2:])]
    return encode(np.vstack(rows).astype(np.uint8))


def encode(pixels: Pixels) -> bytes:
    """PNG of height x width x BGR."""
    done, png = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 3])
    if not done:
        raise ValueError("cannot encode the image")
    return png.tobytes()


def decode(png: bytes) -> Pixels:
    """Height x width x BGR."""
    image: Any = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    return np.asarray(image, np.uint8)


def seed_of(*parts: object) -> int:
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:4], "big")
