"""Patch matching: every pixel of the hole finds the place outside whose surroundings look most alike.

From coarse to fine, after C. Barnes et al., "PatchMatch" (2009), and Y. Wexler et al., "Space-time completion
of video" (2007): https://gfx.cs.princeton.edu/pubs/Barnes_2009_PAR/
"""

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from sandbox.brush import Floats, Hole

Ints = NDArray[np.intp]
LEVELS = (40, 64, 104, 160, 224)
TRIES = 6
MOST = 6000
REACH = 3
ROUNDS = 3
NEAR = ((0, 1), (0, -1), (1, 0), (-1, 0), (0, 3), (0, -3), (3, 0), (-3, 0))


def matched(image: Floats, hole: Hole, filled: Floats, rng: Generator, allowed: Hole | None = None) -> Floats:
    """The hole of `image` (height x width x 3) put together from its surroundings; `filled` is a first guess.

    Sources are taken from where `allowed`, by default anywhere outside the hole.
    """
    # the coarsest level decides what goes where: the best of several beginnings
    small, gap = _small(filled, hole, LEVELS[0], image)
    search = min((_searched(small, gap, rng, None, allowed) for _ in range(TRIES)), key=_misfit)
    for level in LEVELS[1:]:
        small, gap = _small(_grown(search.image, hole.shape), hole, level, image)
        if gap.sum() > MOST or gap.shape == search.gap.shape:
            break
        search = _searched(small, gap, rng, search.sources, allowed)
    return _detailed(image, hole, _grown(search.image, hole.shape), search)


def _searched(small: Floats, gap: Hole, rng: Generator, sources: Floats | None, allowed: Hole | None) -> "_Search":
    search = _Search(small, gap, rng, sources, allowed)
    for _ in range(ROUNDS):
        search.improve()
        search.vote()
    return search


def _misfit(search: "_Search") -> float:
    return float(np.sqrt(search.cost).mean())


class _Search:
    """The nearest-neighbour field of one level: for each pixel of the hole a place outside."""

    def __init__(self, image: Floats, gap: Hole, rng: Generator, before: Floats | None, allowed: Hole | None) -> None:
        self.image, self.gap, self._rng = image, gap, rng
        self.y, self.x = np.nonzero(gap)
        self._known = self._whole_patches(allowed)
        self._known_y, self._known_x = np.nonzero(self._known)
        self._window = np.mgrid[-REACH : REACH + 1 : 2, -REACH : REACH + 1 : 2].reshape(2, -1)
        self.best = self._start(before)
        self.cost = self._costs(self.best)

    @property
    def sources(self) -> Floats:
        """height x width x 2: the offset (down, across) of each pixel's source, in shares of the height."""
        offsets = np.zeros((*self.gap.shape, 2), np.float32)
        offsets[self.y, self.x] = (self.best - np.stack([self.y, self.x], 1)) / self.gap.shape[0]
        return offsets

    def improve(self) -> None:
        """Try what the neighbours found, then random places ever nearer to the best one."""
        self.cost = self._costs(self.best)
        for _ in range(2):
            for down, across in NEAR:
                self._try(self._neighbours(down, across))
            reach = max(self.gap.shape) / 2
            while reach >= 1:
                self._try(self.best + self._rng.integers(-int(reach), int(reach) + 1, self.best.shape))
                reach /= 2.5

    def vote(self) -> None:
        """Each pixel becomes the mean of what the patches over it propose."""
        total, count = np.zeros_like(self.image), np.zeros((*self.gap.shape, 1), np.float32)
        weight = np.exp(-self.cost / (np.median(self.cost) + 1e-6))[:, None] + 1e-3
        for step in self._window.T:
            to, source = self._clipped(self.y + step[0], self.x + step[1]), self.best + step
            # one shift never meets a pixel twice, but at the border, where it does not matter
            total[to] += self.image[self._clipped(source[:, 0], source[:, 1])] * weight
            count[to] += weight
        voted = total / np.maximum(count, 1e-6)
        self.image = np.where(self.gap[..., None], voted, self.image)

    def _whole_patches(self, allowed: Hole | None) -> Hole:
        """Where a whole patch lies outside the hole; in want of any, where a smaller one does."""
        choice = np.ones(self.gap.shape, np.uint8) if allowed is None else allowed.astype(np.uint8)
        wanted = cv2.resize(choice, self.gap.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
        for side in (2 * REACH + 1, 3, 1):
            near = cv2.dilate(self.gap.astype(np.uint8), np.ones((side, side), np.uint8)) > 0
            if (wanted & ~near).any():
                return np.asarray(wanted & ~near)
        return ~self.gap if not self.gap.all() else np.ones(self.gap.shape, np.bool_)

    def _start(self, before: Floats | None) -> Ints:
        pick = self._rng.integers(0, len(self._known_y), len(self.y))
        anywhere = np.stack([self._known_y[pick], self._known_x[pick]], 1)
        if before is None:
            return anywhere
        grown = cv2.resize(before, self.gap.shape[::-1], interpolation=cv2.INTER_NEAREST)
        places = np.stack([self.y, self.x], 1) + grown[self.y, self.x] * self.gap.shape[0]
        y, x = self._clipped(*np.asarray(np.round(places), np.intp).T)
        return np.where(self._known[y, x][:, None], np.stack([y, x], 1), anywhere)

    def _neighbours(self, down: int, across: int) -> Ints:
        field = np.full((*self.gap.shape, 2), -1, np.intp)
        field[self.y, self.x] = self.best
        found = field[self._clipped(self.y + down, self.x + across)]
        return np.where(found < 0, self.best, found - (down, across))

    def _try(self, places: Ints) -> None:
        places = np.stack(self._clipped(places[:, 0], places[:, 1]), 1)
        cost = self._costs(places)
        better = cost < self.cost
        self.best = np.where(better[:, None], places, self.best)
        self.cost = np.where(better, cost, self.cost)

    def _costs(self, places: Ints) -> Floats:
        down, across = self._window[:, None, :]
        ours = self.image[self._clipped(self.y[:, None] + down, self.x[:, None] + across)]
        theirs = self.image[self._clipped(places[:, :1] + down, places[:, 1:] + across)]
        unlike = np.square(ours - theirs).mean((1, 2))
        climb = np.abs(places[:, 0] - self.y) / self.gap.shape[0]
        outside = np.where(self._known[places[:, 0], places[:, 1]], 0, 1e6)
        return np.asarray(unlike + 8000 * climb**2 + outside, np.float32)

    def _clipped(self, y: Ints, x: Ints) -> tuple[Ints, Ints]:
        return np.clip(y, 0, self.gap.shape[0] - 1), np.clip(x, 0, self.gap.shape[1] - 1)


def _small(guess: Floats, hole: Hole, side: int, image: Floats) -> tuple[Floats, Hole]:
    height, width = hole.shape
    scale = min(1.0, side / min(height, width))
    size = (max(8, round(width * scale)), max(8, round(height * scale)))
    whole = np.where(hole[..., None], guess, image)
    gap = cv2.resize(hole.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    gap = np.asarray(cv2.dilate(gap.astype(np.uint8), np.ones((3, 3), np.uint8)), np.bool_)
    return np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_AREA), np.float32), gap


def _grown(small: Floats, shape: tuple[int, ...]) -> Floats:
    return np.asarray(cv2.resize(small, shape[1::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def _detailed(image: Floats, hole: Hole, guess: Floats, search: _Search) -> Floats:
    """The coarse picture, with the fine detail of the places that it was taken from."""
    height, width = hole.shape
    offsets = cv2.resize(search.sources, (width, height), interpolation=cv2.INTER_NEAREST) * height
    ys, xs = np.mgrid[0:height, 0:width].astype(np.float32)
    blur = height / search.gap.shape[0]
    fine = image - cv2.GaussianBlur(image, (0, 0), blur)
    across, down = np.asarray(xs + offsets[..., 1]), np.asarray(ys + offsets[..., 0])
    taken = cv2.remap(np.asarray(fine), across, down, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return np.where(hole[..., None], guess + np.asarray(taken, np.float32), image)
