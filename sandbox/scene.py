"""A landscape drawn from a prompt: sky, mountains, a lake, and the three `SUBJECTS` at their places.

The prompt seeds the mountains, clouds and trees; the number of the image chooses the hour of the day.
"""

import hashlib

import cv2
import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from sandbox import subjects
from sandbox.brush import Floats, Point, ellipse, fill, glow, gradient, lerp, noise, smooth, tone
from sandbox.moods import MOODS, Mood
from sandbox.subjects import SUBJECTS

__all__ = ["SUBJECTS", "draw"]
WATERLINE = 0.615
RIDGES = ((0.36, 0.150, 2.5), (0.44, 0.105, 3.5), (0.515, 0.070, 5.0), (0.572, 0.036, 7.0))


def draw(prompt: str, n: int, size: tuple[int, int], take: int = 0) -> NDArray[np.uint8]:
    """Image `n` (1..4: dawn, noon, dusk, night) of `prompt`: height x width x BGR; another `take`, other hills."""
    width, height = size
    mood = MOODS[(n - 1) % len(MOODS)]
    rng = default_rng(int.from_bytes(hashlib.sha256(f"{take} {prompt}".encode()).digest()[:8], "big"))
    image = np.empty((height, width, 3), np.float32)
    _sky(image, mood, rng)
    _mountains(image, mood, rng)
    _far_shore(image, mood, rng)
    _lake(image, mood, rng)
    _shore(image, mood, rng)
    subjects.draw(image, mood)
    _pines(image, mood, rng)
    return _finished(image, rng)


def _sky(image: Floats, mood: Mood, rng: Generator) -> None:
    height, width = image.shape[:2]
    horizon = int(height * WATERLINE) + 1
    image[:] = gradient(horizon, mood.sky)[np.minimum(np.arange(height), horizon - 1)][:, None]
    side = min(width, height)
    sun = (mood.sun[0] * width, mood.sun[1] * height)
    _stars(image, mood, rng)
    glow(image, sun, 0.75 * side, mood.halo, mood.halo_strength * 0.7)
    glow(image, sun, 0.16 * side, mood.halo, mood.halo_strength)
    fill(image, ellipse(sun, mood.disc_radius * side, mood.disc_radius * side), mood.disc)
    _clouds(image, mood, rng)


def _stars(image: Floats, mood: Mood, rng: Generator) -> None:
    height, width = image.shape[:2]
    count = int(420 * mood.stars)
    places, sizes = rng.random((420, 2)), rng.random(420)
    for (x, y), size in zip(places[:count], sizes[:count], strict=True):
        radius = (0.4 + 1.3 * size**4) * min(width, height) / 1024
        centre = (x * width, y * y * height * WATERLINE)
        fill(image, ellipse(centre, radius, radius, 10), (1, 1, 0.95), None, 0.35 + 0.6 * size)


def _clouds(image: Floats, mood: Mood, rng: Generator) -> None:
    height, width = image.shape[:2]
    rows = int(height * WATERLINE)
    field = noise(rng, width, rows, 2.2 * width / height, 6.0, 6)
    up = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
    veil = smooth(field, 0.50, 0.74) * (0.35 + 0.65 * np.sin(np.pi * np.clip(up * 1.15, 0, 1)))
    light = lerp(tone(mood.clouds), tone(mood.haze), up[..., None] * 0.6)
    shaded = light * (1 - 0.16 * smooth(field, 0.62, 0.85)[..., None])
    image[:rows] = lerp(image[:rows], shaded, np.asarray(veil * mood.cloudiness, np.float32)[..., None])


def _ridge(rng: Generator, width: int, cells: float) -> Floats:
    """Heights in -1..1 across the image, sharp at the tops."""
    line = np.zeros(width, np.float32)
    for octave in range(7):
        knots = rng.random(round(cells * 2**octave) + 4)
        at = np.linspace(0, len(knots) - 1, width)
        line += (np.abs(np.interp(at, np.arange(len(knots)), knots) * 2 - 1) * 0.48**octave).astype(np.float32)
    return np.asarray(1 - line / line.max() * 2, np.float32)


def _mountains(image: Floats, mood: Mood, rng: Generator) -> None:
    height, width = image.shape[:2]
    rows = np.arange(height, dtype=np.float32)[:, None]
    for nearness, ((middle, swing, cells), colour) in enumerate(zip(RIDGES, mood.ridges, strict=True)):
        crest = (middle - swing * _ridge(rng, width, cells)) * height
        alpha = np.clip(rows - crest[None] + 0.5, 0, 1)
        depth = np.clip((rows - crest[None]) / (0.20 * height), 0, 1)
        rock = _rock(rng, crest, width, height, mood)
        paint = lerp(tone(colour), tone(mood.lit), (rock * (0.42 - 0.09 * nearness))[..., None])
        if nearness == 0:
            paint = lerp(paint, tone(mood.lit), _snow(rng, rows, crest, width, height)[..., None] * 0.75)
        paint = lerp(paint, tone(mood.haze), (depth * (0.62 - 0.12 * nearness))[..., None])
        image[:] = lerp(image, paint, np.asarray(alpha, np.float32)[..., None])


def _rock(rng: Generator, crest: Floats, width: int, height: int, mood: Mood) -> Floats:
    """Light 0..1 on the slopes which face the sun."""
    slope = cv2.GaussianBlur(np.gradient(crest).astype(np.float32)[None], (0, 0), width / 200)
    facing = np.tanh(np.asarray(slope, np.float32) * 1.4) * (1 if mood.sun[0] < 0.5 else -1)
    crags = noise(rng, width, height, 14, 9, 5)
    return np.asarray(np.clip(smooth(crags, 0.42, 0.66) * (0.55 - 0.45 * facing), 0, 1), np.float32)


def _snow(rng: Generator, rows: Floats, crest: Floats, width: int, height: int) -> Floats:
    ragged = noise(rng, width, height, 26, 10, 4) - 0.5
    below = (rows - crest[None]) / height + 0.5 * (crest[None] / height - 0.30) + ragged * 0.12
    return np.asarray(1 - smooth(below, 0.005, 0.035), np.float32)


def _far_shore(image: Floats, mood: Mood, rng: Generator) -> None:
    """A strip of woods between the mountains and the water."""
    height, width = image.shape[:2]
    rows = np.arange(height, dtype=np.float32)[:, None]
    woods = np.abs(np.interp(np.arange(width), np.linspace(0, width, 180), rng.random(180)))
    hill = np.interp(np.arange(width), np.linspace(0, width, 9), rng.random(9))
    crest = height * (WATERLINE - 0.012 - 0.022 * hill - 0.012 * woods)
    colour = lerp(tone(mood.trees), tone(mood.haze), 0.16)
    image[:] = lerp(image, colour, np.clip(rows - crest[None] + 0.5, 0, 1).astype(np.float32)[..., None])


def _lake(image: Floats, mood: Mood, rng: Generator) -> None:
    """The land above the waterline, mirrored, rippled, darkened, and mist where they meet."""
    height, width = image.shape[:2]
    top = int(height * WATERLINE)
    ys, xs = np.mgrid[top:height, 0:width].astype(np.float32)
    near = (ys - top) / (height - top)
    ripple = noise(rng, width, height - top, 10, 60, 3) - 0.5
    mirrored = top - 1 - (ys - top) * 1.15 + ripple * height * 0.10 * near
    swayed = xs + ripple * width * (0.012 + 0.05 * near)
    water = cv2.remap(image, swayed, np.clip(mirrored, 0, top - 1), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    deep = tone(mood.sky[0][1]) * 0.55
    water = lerp(np.asarray(water, np.float32), deep, (0.16 + 0.38 * near)[..., None])
    water = water + (smooth(np.asarray(ripple, np.float32), 0.06, 0.3) * 0.10 * mood.light)[..., None]
    glitter = np.exp(-(((xs / width - mood.sun[0]) / (0.03 + 0.10 * near)) ** 2)) * smooth(ripple, 0.02, 0.16)
    water = lerp(np.asarray(water, np.float32), tone(mood.disc), (glitter * 0.55).astype(np.float32)[..., None])
    mist = np.exp(-near * 14).astype(np.float32)[..., None] * 0.35
    image[top:] = np.clip(lerp(water, tone(mood.haze), mist), 0, 1)


def _bank(width: int) -> Floats:
    """The near shore's crest across the image, in shares of the height: it rises at the right, for the cabin."""
    across = np.linspace(0, 1, width)
    knots = ((0, 0.900), (0.2, 0.935), (0.42, 0.955), (0.52, 0.905), (0.64, 0.830), (0.80, 0.805), (1, 0.790))
    at, down = zip(*knots, strict=True)
    line = np.interp(across, at, down).astype(np.float32)[None]
    rounded = cv2.GaussianBlur(line, (0, 0), width / 28, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(rounded, np.float32).reshape(width)


def _shore(image: Floats, mood: Mood, rng: Generator) -> None:
    height, width = image.shape[:2]
    rows = np.arange(height, dtype=np.float32)[:, None]
    crest = (_bank(width) + (rng.random(width) - 0.5) * 0.004) * height
    depth = np.clip((rows - crest[None]) / (0.16 * height), 0, 1)
    grass = noise(rng, width, height, 150, 110, 3)
    paint = lerp(tone(mood.ground[0]), tone(mood.ground[1]), np.asarray(depth, np.float32)[..., None])
    paint = paint * (0.84 + 0.30 * smooth(grass, 0.2, 0.8))[..., None]
    image[:] = lerp(image, paint, np.clip(rows - crest[None] + 0.5, 0, 1).astype(np.float32)[..., None])


def _pines(image: Floats, mood: Mood, rng: Generator) -> None:
    """Tall ones at both edges, small ones behind the cabin's flanks."""
    height, width = image.shape[:2]
    bank = _bank(width)
    spots = [(0.03, 0.40), (0.10, 0.30), (0.165, 0.20), (0.985, 0.46), (0.945, 0.27), (0.60, 0.11), (0.572, 0.075)]
    for across, tall in spots:
        x = across + (rng.random() - 0.5) * 0.012
        foot = float(bank[int(np.clip(x, 0, 0.999) * width)]) + 0.02
        _pine(image, mood, rng, (x * width, foot * height), tall * min(width, height))


def _pine(image: Floats, mood: Mood, rng: Generator, foot: Point, tall: float) -> None:
    x, y = foot
    edge = lerp(tone(mood.trees), tone(mood.lit), 0.10)
    fill(image, [(x - tall * 0.012, y - tall * 0.2), (x + tall * 0.012, y - tall * 0.2),
                 (x + tall * 0.018, y), (x - tall * 0.018, y)], mood.trees)  # fmt: skip
    tiers = 13
    for tier in range(tiers):
        low = y - tall * (0.10 + 0.86 * tier / tiers)
        half = tall * 0.185 * (1 - tier / tiers) ** 0.9 * (0.86 + 0.28 * rng.random())
        tip = low - tall * 0.155
        sag = tall * 0.018 * rng.random()
        branch = [(x, tip), (x + half * 0.42, low - tall * 0.05), (x + half, low + sag), (x + half * 0.4, low),
                  (x, low + tall * 0.012), (x - half * 0.4, low), (x - half, low + sag * 0.6),
                  (x - half * 0.42, low - tall * 0.05)]  # fmt: skip
        fill(image, branch, (float(edge[0]), float(edge[1]), float(edge[2])), mood.trees)


def _finished(image: Floats, rng: Generator) -> NDArray[np.uint8]:
    """Vignette, a breath of grain against banding, and 8 bits."""
    height, width = image.shape[:2]
    ys, xs = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    shade = (1 - 0.16 * np.clip((xs**2 + ys**2) / 2, 0, 1) ** 1.5).astype(np.float32)[..., None]
    grain = rng.standard_normal((height, width, 1), dtype=np.float32) * 0.006
    return np.asarray(np.clip(image * shade + grain, 0, 1)[..., ::-1] * 255 + 0.5, np.uint8)
