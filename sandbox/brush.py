"""Drawing on float images (height x width x RGB, 0..1): antialiased shapes and smooth noise."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]
Hole = NDArray[np.bool_]
Numbers = NDArray[np.float32 | np.float64]
Colour = tuple[float, float, float]
Point = tuple[float, float]
FINER = 4


def rgb(code: str) -> Colour:
    """`"ff8800"` as numbers 0..1."""
    red, green, blue = bytes.fromhex(code)
    return red / 255, green / 255, blue / 255


def tone(colour: Colour) -> Floats:
    """A colour to calculate with."""
    return np.array(colour, np.float32)


def lerp(a: Floats, b: Floats, t: Floats | float) -> Floats:
    return np.asarray(a + (b - a) * t, np.float32)


def smooth(x: Numbers, low: float, high: float) -> Floats:
    """0 below `low`, 1 above `high`, a soft step between them."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def gradient(length: int, stops: Sequence[tuple[float, Colour]]) -> Floats:
    """length x RGB through (place 0..1, colour) stops."""
    places, colours = zip(*stops, strict=True)
    at = np.linspace(0, 1, length)
    return np.stack([np.interp(at, places, channel) for channel in np.array(colours).T], axis=1).astype(np.float32)


def noise(rng: Generator, width: int, height: int, across: float, down: float, octaves: int = 5) -> Floats:
    """Fractal noise, mean 0.5; `across` and `down` count the cells of the coarsest octave."""
    total, weight = np.zeros((height, width), np.float32), 0.0
    for octave in range(octaves):
        cells = (max(2, round(down * 2**octave)) + 3, max(2, round(across * 2**octave)) + 3)
        layer = rng.random(cells, dtype=np.float32)
        grown = cv2.resize(layer, (width, height), interpolation=cv2.INTER_CUBIC)
        total += np.asarray(grown, np.float32) * 0.5**octave
        weight += 0.5**octave
    return np.asarray(np.clip(total / weight, 0, 1), np.float32)


def coverage(polygon: Sequence[Point], shape: tuple[int, ...]) -> tuple[tuple[slice, slice], Floats] | None:
    """The (rows, columns) that a polygon in pixels touches, and how much of each of their pixels it covers."""
    points = np.array(polygon, np.float64)
    left, top = np.maximum(np.floor(points.min(0)).astype(int) - 1, 0)
    right, bottom = np.minimum(np.ceil(points.max(0)).astype(int) + 2, (shape[1], shape[0]))
    if right <= left or bottom <= top:
        return None
    fine = np.zeros(((bottom - top) * FINER, (right - left) * FINER), np.uint8)
    corners = np.round((points - (left, top)) * FINER * 16).astype(np.int32)
    cv2.fillPoly(fine, [corners], 255, shift=4)
    area = cv2.resize(fine, (int(right - left), int(bottom - top)), interpolation=cv2.INTER_AREA)
    return (slice(top, bottom), slice(left, right)), np.asarray(area / np.float32(255), np.float32)


def fill(
    image: Floats,
    polygon: Sequence[Point],
    colour: Colour,
    below: Colour | None = None,
    opacity: float = 1.0,
) -> None:
    """Fill a polygon in pixels; with `below`, a vertical gradient from `colour` down to it."""
    found = coverage(polygon, image.shape)
    if found is None:
        return
    place, alpha = found
    ramp = np.linspace(0, 1, alpha.shape[0], dtype=np.float32)[:, None, None]
    paint = lerp(tone(colour), tone(below or colour), ramp)
    image[place] = lerp(image[place], paint, (alpha * opacity)[..., None])


def glow(image: Floats, centre: Point, radius: float, colour: Colour, strength: float) -> None:
    """Add light around `centre`, in pixels, fading over `radius`."""
    ys, xs = np.ogrid[: image.shape[0], : image.shape[1]]
    away = np.sqrt((xs - centre[0]) ** 2 + (ys - centre[1]) ** 2) / radius
    light = (strength * np.exp(-away * 2.2)).astype(np.float32)[..., None]
    image += light * tone(colour) * (1 - image)


def ellipse(centre: Point, across: float, down: float, corners: int = 96) -> list[Point]:
    """A polygon for the ellipse with these half axes."""
    turns = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return [(centre[0] + across * float(np.cos(a)), centre[1] + down * float(np.sin(a))) for a in turns]
