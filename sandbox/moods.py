"""The four times of day in which a scene is drawn."""

from dataclasses import dataclass

from sandbox.brush import Colour, rgb

Stops = tuple[tuple[float, Colour], ...]


def _stops(*codes: str) -> Stops:
    return tuple((at / (len(codes) - 1), rgb(code)) for at, code in enumerate(codes))


@dataclass(frozen=True, slots=True)
class Mood:
    """Colours from the top of the sky to the waterline; `sun` is (across, down) in 0..1, low numbers are high up.

    `ridges` go from the farthest mountains to the nearest; `lit` colours what the sun falls on.
    """

    name: str
    sky: Stops
    sun: tuple[float, float]
    disc: Colour
    disc_radius: float
    halo: Colour
    halo_strength: float
    clouds: Colour
    cloudiness: float
    ridges: tuple[Colour, ...]
    lit: Colour
    haze: Colour
    ground: tuple[Colour, Colour]
    trees: Colour
    light: float
    stars: float
    window: float


DAWN = Mood(
    name="dawn",
    sky=_stops("3f5f9e", "7f8fc4", "dba8b8", "ffc79b", "ffe3b8"),
    sun=(0.56, 0.475),
    disc=rgb("fff3d0"),
    disc_radius=0.030,
    halo=rgb("ffb066"),
    halo_strength=0.75,
    clouds=rgb("ffd0c0"),
    cloudiness=0.55,
    ridges=(rgb("b79ab8"), rgb("8f7aa5"), rgb("5f5a88"), rgb("3a4468")),
    lit=rgb("ffcfa8"),
    haze=rgb("ffd3b0"),
    ground=(rgb("5a6144"), rgb("232c2a")),
    trees=rgb("1d2f35"),
    light=0.86,
    stars=0.0,
    window=0.8,
)
NOON = Mood(
    name="noon",
    sky=_stops("2a74c9", "4d97df", "86bfee", "bfe0f7", "e2f2fa"),
    sun=(0.80, 0.13),
    disc=rgb("fffef2"),
    disc_radius=0.034,
    halo=rgb("fff3c8"),
    halo_strength=0.55,
    clouds=rgb("ffffff"),
    cloudiness=0.8,
    ridges=(rgb("9db9d6"), rgb("7395b5"), rgb("4f7a74"), rgb("3c6a4a")),
    lit=rgb("f4f8f4"),
    haze=rgb("dcecf5"),
    ground=(rgb("79a64b"), rgb("38602f")),
    trees=rgb("23492f"),
    light=1.0,
    stars=0.0,
    window=0.15,
)
DUSK = Mood(
    name="dusk",
    sky=_stops("231d4f", "5a2f77", "a83f74", "ee6f52", "ffb45c"),
    sun=(0.60, 0.530),
    disc=rgb("ffd98a"),
    disc_radius=0.046,
    halo=rgb("ff6a2e"),
    halo_strength=0.8,
    clouds=rgb("ff8f6b"),
    cloudiness=0.75,
    ridges=(rgb("8f4a78"), rgb("653a70"), rgb("3f2a5c"), rgb("261f45")),
    lit=rgb("ff9a62"),
    haze=rgb("ff9a5e"),
    ground=(rgb("3a2f45"), rgb("14121f")),
    trees=rgb("150f24"),
    light=0.66,
    stars=0.25,
    window=1.0,
)
NIGHT = Mood(
    name="night",
    sky=_stops("050b24", "0b1a42", "15305f", "27507f", "4a7d9f"),
    sun=(0.70, 0.16),
    disc=rgb("fbf6e0"),
    disc_radius=0.040,
    halo=rgb("9fc4ff"),
    halo_strength=0.45,
    clouds=rgb("5f7fb0"),
    cloudiness=0.45,
    ridges=(rgb("31557c"), rgb("213f66"), rgb("152c4c"), rgb("0d1e37")),
    lit=rgb("b8d4f0"),
    haze=rgb("5d8aae"),
    ground=(rgb("14283a"), rgb("060d18")),
    trees=rgb("040c17"),
    light=0.46,
    stars=1.0,
    window=1.0,
)
MOODS = (DAWN, NOON, DUSK, NIGHT)
