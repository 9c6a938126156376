"""The three things in every scene that someone may want gone: where they stand, and how they are drawn."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sandbox.brush import Colour, Floats, Numbers, Point, coverage, ellipse, fill, glow, lerp, rgb, smooth, tone
from sandbox.moods import Mood


@dataclass(frozen=True, slots=True)
class Subject:
    """`centre` in shares 0..1 of width and height; `outline`, around it, in shares of the shorter side.

    The outline leaves a margin of about a fiftieth of the shorter side.
    """

    centre: Point
    outline: tuple[Point, ...]

    def polygon(self, width: int, height: int) -> list[Point]:
        """The outline in pixels of an image of this size."""
        across, down, side = self.centre[0] * width, self.centre[1] * height, min(width, height)
        return [(across + x * side, down + y * side) for x, y in self.outline]


SUBJECTS: dict[str, Subject] = {
    "balloon": Subject(
        (0.27, 0.22),
        (
            (-0.060, -0.135), (0.060, -0.135), (0.120, -0.075), (0.128, 0.000), (0.085, 0.080),
            (0.050, 0.150), (-0.050, 0.150), (-0.085, 0.080), (-0.128, 0.000), (-0.120, -0.075),
        ),
    ),
    "boat": Subject(
        (0.37, 0.735),
        (
            (-0.010, -0.150), (0.030, -0.150), (0.085, -0.030), (0.110, 0.010), (0.105, 0.060),
            (0.060, 0.135), (-0.050, 0.135), (-0.105, 0.060), (-0.110, 0.010), (-0.085, -0.030),
        ),
    ),
    "cabin": Subject(
        (0.79, 0.735),
        (
            (-0.155, -0.030), (-0.090, -0.125), (0.030, -0.125), (0.050, -0.185), (0.110, -0.185),
            (0.115, -0.120), (0.155, -0.030), (0.145, 0.105), (-0.145, 0.105),
        ),
    ),
}  # fmt: skip


def draw(image: Floats, mood: Mood) -> None:
    """All three, onto a finished landscape."""
    _balloon(image, mood, _place(image, "balloon"))
    _boat(image, mood, _place(image, "boat"))
    _cabin(image, mood, _place(image, "cabin"))


Place = Callable[[float, float], Point]


def _place(image: Floats, name: str) -> Place:
    height, width = image.shape[:2]
    across, down = SUBJECTS[name].centre
    side = min(height, width)
    return lambda x, y: (across * width + x * side, down * height + y * side)


def _box(at: Place, left: float, top: float, right: float, bottom: float) -> list[Point]:
    return [at(left, top), at(right, top), at(right, bottom), at(left, bottom)]


def _lit(colour: Colour, mood: Mood, amount: float = 1.0) -> Colour:
    """A surface colour in the light of this hour."""
    red, green, blue = (c * (0.25 + 0.75 * mood.light * amount) for c in colour)
    tint = mood.haze
    return (red * (0.8 + 0.2 * tint[0]), green * (0.8 + 0.2 * tint[1]), blue * (0.8 + 0.2 * tint[2]))


def _balloon(image: Floats, mood: Mood, at: Place) -> None:
    top, widest, mouth, radius = -0.112, -0.018, 0.082, 0.100
    rows = np.linspace(top, mouth, 60)
    upper = np.sqrt(np.clip(1 - ((rows - widest) / (top - widest)) ** 2, 0, 1))
    lower = 0.2 + 0.8 * np.cos(np.clip((rows - widest) / (mouth - widest), 0, 1) * np.pi / 2) ** 0.85
    half = radius * np.where(rows < widest, upper, lower)
    right = [at(float(w), float(y)) for w, y in zip(half, rows, strict=True)]
    left = [at(-float(w), float(y)) for w, y in zip(half, rows, strict=True)]
    for side in (-1, 1):
        for start, end in ((0.019, 0.011), (0.006, 0.004)):
            rope = [at(side * start, mouth), at(side * (start + 0.0012), mouth), at(side * end, 0.112)]
            fill(image, rope, _lit(rgb("4a3a30"), mood))
    _envelope(image, mood, [*right, *reversed(left)], half, at)
    basket = [at(-0.015, 0.106), at(0.015, 0.106), at(0.012, 0.132), at(-0.012, 0.132)]
    fill(image, basket, _lit(rgb("a8703c"), mood), _lit(rgb("6b4322"), mood))
    fill(image, [at(-0.0165, 0.104), at(0.0165, 0.104), at(0.016, 0.109), at(-0.016, 0.109)], _lit(rgb("5a3820"), mood))
    if mood.light < 0.7:
        glow(image, at(0, 0.085), 0.05 * min(image.shape[:2]), rgb("ffb050"), 0.55)


def _envelope(image: Floats, mood: Mood, polygon: list[Point], half: Numbers, at: Place) -> None:
    """Gores of red and cream around a sphere lit from the side of the sun."""
    found = coverage(polygon, image.shape)
    if found is None:
        return
    (rows, columns), alpha = found
    ys, xs = np.mgrid[rows, columns]
    middle, top = at(0, 0)[0], polygon[0][1]
    bottom, scale = polygon[59][1], at(1, 0)[0] - middle
    width = np.interp(ys, np.linspace(top, bottom, 60), half) * scale + 1e-6
    longitude = np.arcsin(np.clip((xs - middle) / width, -1, 1)) / (np.pi / 2)
    wave = np.sin((longitude + 1) * np.pi * 4.5 + np.pi / 2)
    stripe = smooth(np.asarray(wave, np.float32), -0.12, 0.12)[..., None]
    paint = lerp(tone(_lit(rgb("d8392f"), mood)), tone(_lit(rgb("fff1d6"), mood)), stripe)
    band = smooth(np.asarray(-np.abs((ys - top) / (bottom - top) - 0.47), np.float32), -0.062, -0.054)[..., None]
    paint = lerp(paint, tone(_lit(rgb("f0a92e"), mood)), band)
    sunward = 0.55 if mood.sun[0] > 0.27 else -0.55
    shade = 0.52 + 0.55 * np.clip(np.cos((longitude - sunward) * 1.45), 0, 1)
    shade *= 1.04 - 0.28 * (ys - top) / (bottom - top)
    lit = np.clip(paint * np.asarray(shade, np.float32)[..., None], 0, 1)
    image[rows, columns] = lerp(image[rows, columns], lit, alpha[..., None])


def _boat(image: Floats, mood: Mood, at: Place) -> None:
    waterline = 0.030
    _sailing(image, mood, lambda x, y: at(x, waterline - (y - waterline) * 0.62), 0.38)
    _sailing(image, mood, at, 1.0)


def _sailing(image: Floats, mood: Mood, at: Place, opacity: float) -> None:
    along = [float(t) for t in np.linspace(0, 1, 16)]
    main = [at(0.006 + 0.062 * t, -0.128 + 0.134 * t**0.80) for t in along]
    jib = [at(-0.004 - 0.056 * t**0.85, -0.112 + 0.118 * t**0.9) for t in along]
    keel = [at(0.080 - 0.165 * t, 0.012 + 0.022 * float(np.sin(np.pi * t)) ** 0.45) for t in along]
    mast = [at(-0.001, -0.134), at(0.002, -0.134), at(0.003, 0.014), at(-0.002, 0.014)]
    rail = [at(-0.088, 0.007), at(0.084, 0.007), at(0.082, 0.0125), at(-0.0865, 0.0125)]
    for polygon, upper, lower in (
        ([at(0.006, -0.128), *main, at(0.006, 0.006)], "fdf6e6", "e3d3b8"),
        ([at(-0.003, -0.112), *jib, at(-0.004, 0.004)], "e9574a", "b83a35"),
        (mast, "4a3020", "4a3020"),
        ([at(-0.088, 0.008), at(0.084, 0.008), *keel], "7a3f25", "42200f"),
        (rail, "f3e3c3", "f3e3c3"),
    ):
        fill(image, polygon, _lit(rgb(upper), mood), _lit(rgb(lower), mood), opacity)


def _cabin(image: Floats, mood: Mood, at: Place) -> None:
    wall, dark = rgb("9a6238"), rgb("5c3719")
    fill(
        image,
        ellipse(at(0.0, 0.086), 0.135 * min(image.shape[:2]), 0.010 * min(image.shape[:2])),
        (0, 0, 0),
        None,
        0.35,
    )
    fill(image, _box(at, 0.060, -0.150, 0.092, -0.060), _lit(rgb("8a7a72"), mood), _lit(rgb("5f524c"), mood))
    fill(image, _box(at, 0.056, -0.156, 0.096, -0.147), _lit(rgb("6b5d56"), mood))
    fill(image, _box(at, -0.105, -0.022, 0.105, 0.084), _lit(wall, mood), _lit(dark, mood))
    for y in np.arange(-0.012, 0.08, 0.0135):
        fill(image, _box(at, -0.105, y, 0.105, y + 0.0022), _lit(rgb("4a2a12"), mood), None, 0.75)
    fill(
        image,
        [at(-0.138, -0.014), at(-0.080, -0.105), at(0.080, -0.105), at(0.138, -0.014)],
        _lit(rgb("8f3b2e"), mood, 1.1),
        _lit(rgb("5a221c"), mood),
    )
    for k in range(1, 6):
        y, half = -0.105 + 0.0152 * k, 0.080 + 0.0097 * k
        fill(image, _box(at, -half, y, half, y + 0.0018), _lit(rgb("3d1512"), mood), None, 0.5)
    fill(image, _box(at, -0.016, 0.022, 0.020, 0.084), _lit(rgb("3f2514"), mood), _lit(rgb("2a170b"), mood))
    for x in (-0.078, 0.048):
        _window(image, mood, at, x)


def _window(image: Floats, mood: Mood, at: Place, x: float) -> None:
    frame = _lit(rgb("efe2c8"), mood)
    pane = lerp(tone(_lit(rgb("7f97a8"), mood)), tone(rgb("ffd27a")), mood.window)
    fill(image, _box(at, x - 0.003, 0.013, x + 0.037, 0.053), frame)
    for dx in (0, 0.0185):
        for y in (0.016, 0.0345):
            square = _box(at, x + dx, y, x + dx + 0.0155, y + 0.0155)
            fill(image, square, (float(pane[0]), float(pane[1]), float(pane[2])))
    if mood.window > 0.5:
        glow(image, at(x + 0.017, 0.033), 0.045 * min(image.shape[:2]), rgb("ffb457"), 0.45)
