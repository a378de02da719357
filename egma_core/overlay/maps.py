"""Heat maps of gaze and maps of similarity as RGBA pictures to lie over a film."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from egma_core.overlay.colours import colour_table, coloured

GAZE_COLOUR_MAP = "inferno"
SIMILARITY_COLOUR_MAP = "viridis"
_FULL_AT = 0.4  # the share of the largest value from which a heat map has its full opacity


def heat_map_rgba(density: NDArray[np.floating], colour_map: str = GAZE_COLOUR_MAP, opacity: float = 0.6) -> NDArray[np.uint8]:
    """Colour a gaze density; little gaze is nearly transparent, so that the film stays readable beside it.

    Args:
        density: (rows, columns) values in 0..1, as `alignment.maps.density` gives them; NaN is transparent.
        colour_map: A perceptual colour map.
        opacity: Opacity where gaze was densest, 0..1.

    Returns:
        (rows, columns, 4) uint8 RGBA.
    """
    value = np.linspace(0.0, 1.0, 256)
    return coloured(density, colour_table(colour_map), opacity * np.minimum(1.0, value / _FULL_AT), 0.0, 1.0)


def similarity_rgba(
    values: NDArray[np.floating],
    colour_map: str = SIMILARITY_COLOUR_MAP,
    opacity: float = 0.55,
    low: float | None = None,
    high: float | None = None,
) -> NDArray[np.uint8]:
    """Colour a similarity map that covers the whole film.

    Args:
        values: (rows, columns) similarities; NaN, where the model did not see the film, is transparent.
        colour_map: A perceptual colour map.
        opacity: Opacity of the highest similarity, 0..1; the lowest has a tenth of it.
        low: Similarity of the first colour; by default the map's lowest.
        high: Similarity of the last colour; by default the map's highest.

    Returns:
        (rows, columns, 4) uint8 RGBA.
    """
    lowest, highest = similarity_range(values)
    ramp = opacity * np.linspace(0.1, 1.0, 256)
    return coloured(values, colour_table(colour_map), ramp, lowest if low is None else low, highest if high is None else high)


def similarity_range(values: NDArray[np.floating]) -> tuple[float, float]:
    """(lowest, highest) of a map, NaN left out; (0, 0) for a map of NaN alone."""
    seen = values[np.isfinite(values)]
    return (float(seen.min()), float(seen.max())) if len(seen) else (0.0, 0.0)
