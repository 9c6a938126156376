"""Joining what was painted to what was there: no step at the edge, and not one changed bit outside."""

import cv2
import numpy as np
from numpy.typing import NDArray

from sandbox.brush import Floats, Hole, Pixels

FEATHER = 5.0
COARSE = 256
STEPS = 160


def composed(parent: Pixels, painted: Floats, mask: Pixels) -> Pixels:
    """Where `mask` is 0 the parent to the bit, elsewhere `painted`, faded in from the edge inwards."""
    inside = cv2.distanceTransform((mask > 0).astype(np.uint8), cv2.DIST_L2, 5)
    alpha = np.minimum(np.asarray(inside, np.float32) / FEATHER, mask / np.float32(255))[..., None]
    mixed = parent + (painted - parent) * np.clip(alpha, 0, 1)
    return np.where(mask[..., None] > 0, np.clip(mixed + 0.5, 0, 255).astype(np.uint8), parent)


def drawn_to_edge(image: Floats, painted: Floats, hole: Hole) -> Floats:
    """`painted`, its colours bent so that they meet the image all around the hole (a Laplace membrane).

    After P. Perez et al., "Poisson Image Editing" (2003), solved on a coarse grid: the correction is smooth.
    """
    height, width = hole.shape
    scale = min(1.0, COARSE / max(height, width))
    size = (max(4, round(width * scale)), max(4, round(height * scale)))
    wide = cv2.dilate(hole.astype(np.uint8), np.ones((15, 15), np.uint8))
    edge = (np.asarray(wide, np.bool_) & ~hole).astype(np.float32)
    weight = cv2.resize(edge, size, interpolation=cv2.INTER_AREA)[..., None]
    total = cv2.resize((image - painted) * edge[..., None], size, interpolation=cv2.INTER_AREA)
    known = np.asarray(weight > 0.2)
    values = np.where(known, total / np.maximum(weight, 1e-6), 0).astype(np.float32)
    bend = cv2.resize(_relaxed(values, known), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.where(hole[..., None], painted + np.asarray(bend, np.float32), image)


def _relaxed(values: Floats, known: NDArray[np.bool_]) -> Floats:
    """Laplace's equation with `values` fixed where `known`, the coarsest grid first."""
    height, width = values.shape[:2]
    if min(height, width) > 8:
        half = ((width + 1) // 2, (height + 1) // 2)
        weight = cv2.resize(known.astype(np.float32), half, interpolation=cv2.INTER_AREA)[..., None]
        total = cv2.resize(values * known, half, interpolation=cv2.INTER_AREA)
        coarse = _relaxed(np.asarray(total / np.maximum(weight, 1e-6), np.float32), np.asarray(weight > 0))
        values = np.where(known, values, np.asarray(cv2.resize(coarse, (width, height)), np.float32))
    fixed = values
    for _ in range(STEPS if min(height, width) <= 32 else STEPS // 8):
        values = np.where(known, fixed, np.asarray(cv2.blur(values, (3, 3)), np.float32))
    return np.asarray(values, np.float32)
