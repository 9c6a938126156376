"""Larger canvases around an image: zoomed out, or continued to one side."""

import cv2
import numpy as np

from sandbox.brush import Floats, Pixels, lerp, smooth

LIGHTS = (1.0, 1.06, 0.92, 0.97)


def zoom_out(parent: Pixels, ratio: float, n: int) -> Pixels:
    """`parent` (height x width x BGR) at 1/`ratio` of its scale, in the middle of a canvas of its old size."""
    height, width = parent.shape[:2]
    size = (round(width / ratio), round(height / ratio))
    small = cv2.resize(parent, size, interpolation=cv2.INTER_AREA)
    top, left = (height - size[1]) // 2, (width - size[0]) // 2
    return _continued(np.asarray(small, np.uint8), top, height - size[1] - top, left, width - size[0] - left, n)


def pan(parent: Pixels, direction: str, n: int) -> Pixels:
    """`parent` continued by half of its length to `up`, `down`, `left` or `right`; its own pixels stay."""
    height, width = parent.shape[:2]
    down, across = height // 2, width // 2
    top, bottom, left, right = (direction == name for name in ("up", "down", "left", "right"))
    return _continued(parent, top * down, bottom * down, left * across, right * across, n)


def _continued(image: Pixels, top: int, bottom: int, left: int, right: int, n: int) -> Pixels:
    """Mirrored to the sides, drawn out up and down, the softer the farther; each `n` has its light out there."""
    wide = cv2.copyMakeBorder(image, 0, 0, left, right, cv2.BORDER_REFLECT)
    around = cv2.copyMakeBorder(wide, top, bottom, 0, 0, cv2.BORDER_REPLICATE)
    inside = np.zeros(around.shape[:2], np.uint8)
    inside[top : top + image.shape[0], left : left + image.shape[1]] = 1
    distance = np.asarray(cv2.distanceTransform(1 - inside, cv2.DIST_L2, 5), np.float32)[..., None]
    side = min(image.shape[:2])
    sharp: Floats = np.asarray(around, np.float32)
    soft = np.asarray(cv2.GaussianBlur(sharp, (0, 0), side / 70), np.float32)
    mixed = lerp(sharp, soft, smooth(distance, 0, side / 5) * 0.9)
    lit = lerp(mixed, mixed * np.float32(LIGHTS[(n - 1) % 4]), smooth(distance, 0, side / 6))
    return np.where(inside[..., None] > 0, around, np.clip(lit + 0.5, 0, 255)).astype(np.uint8)
