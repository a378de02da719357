"""Colour maps as tables, and the few fixed colours that stay apart for colour-blind eyes and on dark films."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from cmap import Colormap
from numpy.typing import NDArray

from egma_core.errors import ConfigError

Colour = tuple[int, int, int]

SKY_BLUE: Colour = (86, 180, 233)
ORANGE: Colour = (230, 159, 0)
GREEN: Colour = (0, 158, 115)
YELLOW: Colour = (240, 228, 66)
"""Of the palette of Okabe & Ito (2008), `Color Universal Design`."""


@lru_cache(maxsize=32)
def colour_table(name: str) -> NDArray[np.uint8]:
    """The (256, 3) colours of a colour map, lowest value first; not writable.

    Args:
        name: A name of the `cmap` catalogue, such as `inferno`, `viridis` or `cividis`.

    Raises:
        ConfigError: There is no such colour map.
    """
    try:
        table = Colormap(name).lut(256)
    except ValueError as error:
        raise ConfigError(
            f"There is no colour map called {name}.", "Choose one of the cmap catalogue, such as inferno or cividis."
        ) from error
    colours = np.rint(np.asarray(table)[:, :3] * 255).astype(np.uint8)
    colours.setflags(write=False)
    return colours


def coloured(
    values: NDArray[np.floating], colours: NDArray[np.uint8], opacity: NDArray[np.float64], low: float, high: float
) -> NDArray[np.uint8]:
    """Look values up in a colour map whose colours have their own opacities.

    Args:
        values: (rows, columns); NaN becomes transparent, values outside `low`..`high` take the nearest end.
        colours: (256, 3) colours.
        opacity: (256,) opacities, 0..1.
        low: The value of the first colour.
        high: The value of the last colour; where it is not above `low`, everything takes the first.

    Returns:
        (rows, columns, 4) RGBA.
    """
    table = np.zeros((257, 4), dtype=np.uint8)  # the last entry stands for NaN
    table[:256, :3] = colours
    table[:256, 3] = np.rint(np.clip(opacity, 0.0, 1.0) * 255)
    scale = 255.0 / (high - low) if high - low > 1e-30 else 0.0
    inside = np.clip(np.asarray(values, dtype=np.float32), np.float32(low), np.float32(max(low, high)))
    index = np.clip((inside - np.float32(low)) * np.float32(scale) + np.float32(0.5), 0, 255)
    index[np.isnan(index)] = 256
    return table[index.astype(np.uint16)]
