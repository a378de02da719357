"""The greyscale pipeline of DICOM as one table: stored value in, grey level out (PS3.3 C.11, PS3.4 N.2).

Modality LUT, VOI and polarity are composed over all 65,536 possible values, so that a window change costs one
small table and one look-up per visible pixel.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from egma_core.dicom.image import DicomImage, LookupTable, Window
from egma_core.errors import UnsupportedImageError

_LEVELS = 65536
_TAIL = 0.005


def default_window(image: DicomImage, frame: int = 0) -> Window:
    """The file's first window for a frame, or an automatic one where it has none."""
    stated = image.windows_of(frame)
    return stated[0] if stated else automatic_window(image, frame)


def automatic_window(image: DicomImage, frame: int = 0) -> Window:
    """A window fitted to one frame, in modality units.

    Films of 8 bits or fewer get their full stored range. Deeper ones get the 0.5 to 99.5 % range of the frame's
    pixels that are not padding.

    Args:
        image: A grey film.
        frame: Which frame, counted from 0.

    Raises:
        UnsupportedImageError: The film is in colour.
    """
    _require_grey(image)
    units = _modality_values(image, frame)
    if image.bits_stored <= 8:
        lowest = image.offset - (2 ** (image.bits_stored - 1) if image.offset else 0)
        shown = units[lowest : lowest + 2**image.bits_stored]
        return _window_over(float(shown.min()), float(shown.max()))
    counts = _counts(image, frame)
    order = np.argsort(units, kind="stable")
    return _window_over(*(_quantile(units[order], np.cumsum(counts[order]), share) for share in (_TAIL, 1.0 - _TAIL)))


def view_names(image: DicomImage, frame: int = 0) -> tuple[str, ...]:
    """Names of the views that the file offers for a frame, in the order of `display_table`'s `voi`; "" where it does not name one."""
    return tuple(view.name for view in (*image.voi_luts, *image.windows_of(frame)))


def display_table(image: DicomImage, window: Window | None = None, invert: bool = False, voi: int = 0, frame: int = 0) -> NDArray[np.uint8]:
    """Compose the whole chain for a grey film.

    Args:
        image: A grey film.
        window: A window in modality units; None for the file's own VOI LUT or window, or else an automatic window.
        invert: Whether the person asked for the opposite polarity.
        voi: Which of the file's views, VOI LUTs before windows, when `window` is None; the last where there are fewer.
        frame: The frame that is shown: it may have windows and a slope of its own, and an automatic window is fitted to it.

    Returns:
        (65536,) uint8: the grey level, 0 black, of each value of `image.pixels`. Padding is black.

    Raises:
        UnsupportedImageError: The film is in colour.
    """
    _require_grey(image)
    units = _modality_values(image, frame)
    windows = image.windows_of(frame)
    if window is not None:
        share = _windowed(units, window)
    elif image.voi_luts and (voi < len(image.voi_luts) or not windows):
        share = _looked_up(units, image.voi_luts[min(voi, len(image.voi_luts) - 1)])
    elif windows:
        share = _windowed(units, windows[min(voi - len(image.voi_luts), len(windows) - 1)])
    else:
        share = _windowed(units, automatic_window(image, frame))
    share = np.clip(share, 0.0, 1.0)
    if image.presentation_lut is not None:
        share = _presented(share, image.presentation_lut)
    levels = np.rint(share * 255.0).astype(np.uint8)
    if image.inverted != invert:
        levels = 255 - levels
    levels[_padding(image)] = 0
    return levels


def render(image: DicomImage, frame: int = 0, window: Window | None = None, invert: bool = False) -> NDArray[np.uint8]:
    """One frame as it is shown.

    Args:
        image: A film.
        frame: Which of `image.pixels`' frames, counted from 0.
        window: As for `display_table`; colour films have none.
        invert: Whether the person asked for the opposite polarity.

    Returns:
        (rows, columns) uint8 grey levels, or (rows, columns, 3) uint8 RGB for a colour film. Shutters are closed; overlays,
        which are no part of the picture, are left out.
    """
    if image.is_colour:
        colours = image.pixels[frame].astype(np.uint8)
        picture = 255 - colours if invert else colours
    else:
        picture = display_table(image, window, invert, frame=frame)[image.pixels[frame]]
    hidden = image.shut()
    if hidden is not None and image.shutter is not None:
        picture[hidden] = round(image.shutter.level * 255.0)
    return picture


def _require_grey(image: DicomImage) -> None:
    if image.is_colour:
        raise UnsupportedImageError("A colour film has no window.", "Show it as it is.")


def _modality_values(image: DicomImage, frame: int) -> NDArray[np.float64]:
    stored = np.arange(_LEVELS, dtype=np.float64) - image.offset
    if image.modality_lut is not None:
        return _entries(stored, image.modality_lut)
    slope, intercept = image.rescale_of(frame)
    return stored * slope + intercept


def _counts(image: DicomImage, frame: int) -> NDArray[np.int64]:
    """How often each value occurs in a frame, leaving out what shutters hide and padding, unless there is nothing else."""
    pixels, hidden = image.pixels[frame], image.shut()
    seen = pixels.ravel() if hidden is None or hidden.all() else pixels[~hidden]
    counts = np.bincount(seen, minlength=_LEVELS)
    unpadded = np.where(_padding(image), 0, counts)
    return unpadded if unpadded.any() else counts


def _quantile(values: NDArray[np.float64], upto: NDArray[np.int64], share: float) -> float:
    """A quantile of values in ascending order that occur so often that `upto` of them are no later; linear between neighbours."""
    position = share * (int(upto[-1]) - 1)
    below, above = (int(np.searchsorted(upto, whole, side="right")) for whole in (np.floor(position), np.ceil(position)))
    return float(values[below] + (position % 1.0) * (values[above] - values[below]))


def _entries(inputs: NDArray[np.float64], table: LookupTable) -> NDArray[np.float64]:
    positions = np.clip(np.rint(inputs) - table.first, 0, len(table.values) - 1).astype(np.intp)
    return table.values[positions]


def _looked_up(units: NDArray[np.float64], table: LookupTable) -> NDArray[np.float64]:
    # Some makers write the wrong output depth into the descriptor, so the table's own maximum is white.
    return _entries(units, table) / float(table.values.max())


def _presented(share: NDArray[np.float64], table: LookupTable) -> NDArray[np.float64]:
    # The table's inputs span the output of the stage before it (PS3.3 C.11.6.1.1), its own maximum is white.
    positions = np.rint(share * (len(table.values) - 1)).astype(np.intp)
    return table.values[positions] / float(table.values.max())


def _windowed(units: NDArray[np.float64], window: Window) -> NDArray[np.float64]:
    """Shares of white, unclipped; PS3.3 C.11.2.1.2 (LINEAR) and C.11.2.1.3 (the others)."""
    c, w = window.center, window.width
    if window.function == "SIGMOID":
        return 1.0 / (1.0 + np.exp(np.clip(-4.0 * (units - c) / w, -700.0, 700.0)))
    if window.function == "LINEAR_EXACT":
        return (units - c) / w + 0.5
    if w <= 1.0:
        return (units > c - 0.5).astype(np.float64)
    return (units - (c - 0.5)) / (w - 1.0) + 0.5


def _window_over(low: float, high: float) -> Window:
    return Window((low + high) / 2.0, (high - low) or 1.0, "LINEAR_EXACT")


def _padding(image: DicomImage) -> NDArray[np.bool_]:
    padded = np.zeros(_LEVELS, np.bool_)
    if image.padding is not None:
        low, high = (min(max(value + image.offset, 0), _LEVELS) for value in image.padding)
        padded[low : high + 1] = True
    return padded
