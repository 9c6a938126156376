"""Real inpainting: the white of a mask is repainted in four ways, the black comes back pixel for pixel.

1 `plain`:  small pieces of the surroundings, put together by patch matching
2 `mirror`: pieces of the same picture seen in a mirror
3 `mist`:   the first one with mist rolling in
4 `birds`:  pieces from the wider side alone, and a flock of birds
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator, default_rng

from sandbox.blending import composed, drawn_to_edge
from sandbox.brush import Floats, Hole, Pixels, Point, fill, noise, smooth
from sandbox.patches import matched

Painter = Callable[[Floats, Hole, Generator], Floats]
RIM = 50


def inpaint(parent: Pixels, mask: Pixels, n: int, seed: int) -> Pixels:
    """Candidate `n` (1..4) for `parent` (height x width x BGR) and `mask` (height x width).

    Where the mask is 0 the parent stays to the bit; greys blend; one seed always gives one picture.
    """
    hole = mask > 0
    if not hole.any():
        return parent
    image, rng = np.asarray(parent, np.float32), default_rng(seed)
    painted = PAINTERS[(n - 1) % 4](image, hole, rng) if not _widened(hole).all() else _alone(image, rng)
    return composed(parent, painted, mask)


def _plain(image: Floats, hole: Hole, rng: Generator) -> Floats:
    wide = _widened(hole)
    return drawn_to_edge(image, matched(image, wide, _guess(image, wide), rng), hole)


def _mirror(image: Floats, hole: Hole, rng: Generator) -> Floats:
    """Two canvases side by side, the second one turned over: sources come from there alone."""
    wide, width = _widened(hole), hole.shape[1]
    double = np.hstack([image, image[:, ::-1]])
    second = np.arange(2 * width) >= width
    holes, there = np.hstack([wide, wide[:, ::-1]]), np.broadcast_to(second, (hole.shape[0], 2 * width))
    filled = np.hstack([_guess(image, wide)] * 2)
    painted = matched(double, np.hstack([wide, np.zeros_like(wide)]), filled, rng, there & ~holes)
    return drawn_to_edge(image, painted[:, :width], hole)


def _mist(image: Floats, hole: Hole, rng: Generator) -> Floats:
    under = _plain(image, hole, rng)
    height, width = hole.shape
    pale = np.percentile(image[_widened(hole, 4)], 88, axis=0) * 0.75 + 60
    veil = smooth(noise(rng, width, height, 5, 22, 5), 0.30, 0.70) * 0.78
    return under + (np.asarray(pale, np.float32) - under) * (veil * _fading(hole, 0.30))[..., None]


def _birds(image: Floats, hole: Hole, rng: Generator) -> Floats:
    """From the wider side alone; the birds are dark before a light sky and light before a dark one."""
    columns = np.arange(hole.shape[1])
    middle = np.nonzero(hole.any(0))[0].mean()
    side = columns < middle if middle > hole.shape[1] / 2 else columns > middle
    wide = _widened(hole)
    allowed = np.broadcast_to(side, hole.shape)
    painted = matched(image, wide, _guess(image, wide), rng, allowed)
    return _flock(drawn_to_edge(image, painted, hole), hole, rng)


PAINTERS: tuple[Painter, ...] = (_plain, _mirror, _mist, _birds)


def _flock(image: Floats, hole: Hole, rng: Generator) -> Floats:
    room = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5)
    span = 0.21 * float(np.sqrt(hole.sum()))
    rows, columns = np.nonzero(room > span * 0.6)
    if not len(rows):
        return image
    shade = 0.16 if image[hole].mean() > 85 else 0.92
    picture = np.asarray(image / 255, np.float32)
    flock = [(float(columns[k]), float(rows[k])) for k in rng.integers(0, len(rows), 60)]
    for bird in _apart(flock, span * 1.15)[:7]:
        _bird(picture, bird, span * float(rng.uniform(0.45, 0.8)), shade, float(rng.uniform(-0.15, 0.15)))
    return np.asarray(picture * 255, np.float32)


def _apart(places: list[Point], distance: float) -> list[Point]:
    kept: list[Point] = []
    for x, y in places:
        if all((x - a) ** 2 + (y - b) ** 2 >= distance**2 for a, b in kept):
            kept.append((x, y))
    return kept


def _bird(picture: Floats, at: Point, span: float, shade: float, lean: float) -> None:
    """Two bent wings of `span` pixels from tip to tip."""
    for side in (-1, 1):
        along = np.linspace(0, 1, 12)
        rise = 0.62 * np.sin(along * 2.2) - 0.30 * along**2 + side * lean * along
        thick = 0.085 * (1 - along) ** 0.7 + 0.012
        upper = [(at[0] + side * span / 2 * a, at[1] - span / 2 * r) for a, r in zip(along, rise, strict=True)]
        lower = [(x, y + span * float(t)) for (x, y), t in zip(upper, thick, strict=True)]
        fill(picture, [*upper, *reversed(lower)], (shade, shade, shade), None, 0.9)


def _guess(image: Floats, hole: Hole) -> Floats:
    """The hole filled smoothly (Navier-Stokes), sideways rather than up and down: skies, lakes, hills."""
    height, width = hole.shape
    small = (max(8, width // 24), max(8, height // 6))
    around = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    gap = cv2.resize(hole.astype(np.float32), small, interpolation=cv2.INTER_AREA) > 0
    filled = cv2.inpaint(np.asarray(around, np.uint8), gap.astype(np.uint8), 3, cv2.INPAINT_NS)
    grown = cv2.resize(filled, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.where(hole[..., None], np.asarray(grown, np.float32), image)


def _widened(hole: Hole, times: int = 1) -> Hole:
    """With a rim of a hundredth of the shorter side, which is painted too: so one sees how well it fits."""
    side = 1 + 2 * max(1, min(hole.shape) // (2 * RIM))
    wide = cv2.dilate(hole.astype(np.uint8), np.ones((side, side), np.uint8), iterations=times)
    return np.asarray(wide, np.bool_)


def _fading(hole: Hole, share: float) -> Floats:
    """1 in the middle of the hole, 0 at its edge, over `share` of its size."""
    inside = np.asarray(cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, 5), np.float32)
    width = share * float(np.sqrt(hole.sum()))
    return np.asarray(cv2.GaussianBlur(smooth(inside, width * 0.25, width), (0, 0), width * 0.25), np.float32)


def _alone(image: Floats, rng: Generator) -> Floats:
    """Nothing is left to look at: soft hills of the parent's own colours."""
    height, width = image.shape[:2]
    field = noise(rng, width, height, 2, 5)[..., None]
    return np.asarray(cv2.GaussianBlur(image, (0, 0), width / 12) * (0.7 + 0.6 * field), np.float32)
