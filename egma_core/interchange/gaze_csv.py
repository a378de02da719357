"""Anybody's gaze recording as a CSV table in, its fixations as a CSV table out."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from egma_core.errors import InterchangeError
from egma_core.gaze.fixations import Fixations
from egma_core.gaze.viewport import PlacedGaze
from egma_core.geometry import Screen

SECONDS = {"ms": 1e-3, "s": 1.0, "us": 1e-6, "ns": 1e-9}
"""Seconds in one of the units that time may come in."""

RATES_HZ = (10.0, 10_000.0)
"""Rates that eye trackers have; another one means that time is in another unit."""

_REQUIRED = ("t_ms", "x_px", "y_px")
_NOTHING = frozenset({"", "nan", "na", "n/a", "none", "null", ".", "-"})
_DELIMITERS = ",;\t"


@dataclass(frozen=True)
class GazeTable:
    """A recording as it was read.

    Attributes:
        gaze: The recording, on the screen.
        rate_hz: Samples per second, from the median interval.
        n_repeated: Rows whose time is that of the row before; they count for nothing.
        n_zero: Rows lost because both coordinates are exactly 0.
        n_beyond: Rows lost because they lie more than a screen's size beside the screen.
    """

    gaze: PlacedGaze
    rate_hz: float
    n_repeated: int
    n_zero: int
    n_beyond: int


def read_gaze_csv(
    path: Path, screen: Screen, *, columns: Mapping[str, str] | None = None, time_unit: str = "ms", zero_is_lost: bool = True
) -> GazeTable:
    """Read a table with the columns t_ms, x_px, y_px and, optionally, distance_mm.

    The table has a line of column names, is UTF-8, and its cells are parted by commas, semicolons or tabs; other
    columns are passed over. x_px and y_px are native pixels from the screen's upper left corner. A sample is lost where
    either is empty or says NaN, NA, n/a, none, null, . or -, where it lies more than a screen's size beside the screen
    (trackers mark losses by impossible numbers) and, with `zero_is_lost`, where both are exactly 0. distance_mm is the
    distance from eye to screen at each sample; where it says nothing, the screen's own holds.

    Args:
        path: The file.
        screen: The screen looked at.
        columns: What the file calls our columns, where it differs.
        time_unit: Unit of the time column: ms, s, us or ns.
        zero_is_lost: Whether (0, 0) stands for a loss, as in SMI's and many other recordings.

    Raises:
        InterchangeError: The file cannot be read, a column is missing, a cell is not a number, time runs back, the rate is
            no eye tracker's, or the coordinates are no pixels of this screen.
    """
    table = _columns(path, dict(columns or {}))
    time = table["t_ms"] * SECONDS[time_unit]
    rate = _rate_hz(path, time, time_unit)
    x, y = table["x_px"].copy(), table["y_px"].copy()
    zero = (x == 0) & (y == 0) & zero_is_lost
    beyond = (np.abs(x / screen.width_px - 0.5) > 1.5) | (np.abs(y / screen.height_px - 0.5) > 1.5)
    lost = zero | beyond | ~np.isfinite(x) | ~np.isfinite(y)
    x[lost] = y[lost] = np.nan
    _check_pixels(path, x, y, screen)
    gaze = PlacedGaze.on_screen(time, x, y, screen)
    if "distance_mm" in table:
        known = np.isfinite(table["distance_mm"]) & (table["distance_mm"] > 0)
        gaze = replace(gaze, distance_mm=np.where(known, table["distance_mm"], screen.distance_mm))
    return GazeTable(gaze, rate, int(np.sum(np.diff(time) == 0)), int(zero.sum()), int((beyond & ~zero).sum()))


def write_fixations_csv(path: Path, fixations: Fixations) -> None:
    """Write the columns onset_ms, offset_ms, x_px, y_px (native screen pixels), one row a fixation, to three decimals.

    Raises:
        InterchangeError: The file cannot be written.
    """
    rows = zip(
        *((values * scale).tolist() for values, scale in (
            (fixations.onset_s, 1e3), (fixations.offset_s, 1e3), (fixations.screen_x_px, 1.0), (fixations.screen_y_px, 1.0)
        )), strict=True,
    )  # fmt: skip
    unfinished = path.with_name(f"{path.name}.part")
    try:
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow(["onset_ms", "offset_ms", "x_px", "y_px"])
            table.writerows([f"{value:.3f}" for value in row] for row in rows)
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise InterchangeError(
            f"The table {path} cannot be written ({error.strerror}).", "Check the folder and the space on its disk."
        ) from error


def _columns(path: Path, theirs: dict[str, str]) -> dict[str, NDArray[np.float64]]:
    """The columns that are ours, by our names; NaN where a cell says nothing."""
    unknown = sorted(set(theirs) - {*_REQUIRED, "distance_mm"})
    if unknown:
        raise InterchangeError(f"There is no column {unknown[0]} to rename.", f"Ours are: {', '.join(_REQUIRED)}, distance_mm.")
    rows = _rows(path)
    header = [name.strip() for name in rows[0]]
    wanted = {name: theirs.get(name, name) for name in (*_REQUIRED, "distance_mm")}
    missing = [there for name, there in wanted.items() if there not in header and (name in _REQUIRED or name in theirs)]
    if missing:
        raise InterchangeError(
            f"{path} has no column {missing[0]}; it has: {', '.join(header)}.",
            "Say what it is called there, for example: --columns t_ms=Timestamp",
        )
    places = {name: header.index(there) for name, there in wanted.items() if there in header}
    body = [(line, row) for line, row in enumerate(rows[1:], start=2) if any(cell.strip() for cell in row)]
    return {name: np.array([_number(path, line, row, place, name) for line, row in body]) for name, place in places.items()}


def _rows(path: Path) -> list[list[str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InterchangeError(f"{path} cannot be read ({error.strerror}).", "Check the file's name and that you may read it.") from error
    except UnicodeDecodeError as error:
        raise InterchangeError(f"{path} is not a UTF-8 text file.", "Save it as CSV with UTF-8 encoding.") from error
    lines = text.splitlines()
    if not lines or not lines[0].strip():
        raise InterchangeError(f"{path} is empty or has no line of column names.", "The first line must name the columns.")
    delimiter = max(_DELIMITERS, key=lines[0].count)
    try:
        return list(csv.reader(lines, delimiter=delimiter))
    except csv.Error as error:
        raise InterchangeError(f"{path} is not a CSV table ({error}).", "Save it as CSV.") from error


def _number(path: Path, line: int, row: Sequence[str], place: int, name: str) -> float:
    cell = row[place].strip() if place < len(row) else ""
    if cell.lower() in _NOTHING:
        if name == "t_ms":
            raise InterchangeError(f"Line {line} of {path} has no time.", "Every sample needs one, also a lost one.")
        return float("nan")
    try:
        value = float(cell)
    except ValueError:
        raise InterchangeError(
            f"Line {line} of {path} says {cell!r} where a number should be ({name}).", "Mend it or empty the cell."
        ) from None
    if name == "t_ms" and not np.isfinite(value):
        raise InterchangeError(f"Line {line} of {path} has the time {cell}.", "Every sample needs one, also a lost one.")
    return value


def _rate_hz(path: Path, time: NDArray[np.float64], time_unit: str) -> float:
    """Samples per second by the median interval, once time was checked."""
    intervals = np.diff(time)
    back = np.flatnonzero(intervals < 0)
    if len(back):
        raise InterchangeError(
            f"Time runs back after sample {back[0] + 1} of {path}, by {-intervals[back[0]] * 1e3:g} ms.",
            "Sort the samples by time, and give one recording a file.",
        )
    intervals = intervals[intervals > 0]
    if len(intervals) < 2:
        raise InterchangeError(f"{path} holds {len(time)} samples, too few to measure anything.", "Give a whole recording.")
    rate = 1.0 / float(np.median(intervals))
    if not RATES_HZ[0] <= rate <= RATES_HZ[1]:
        fits = [unit for unit, seconds in SECONDS.items() if RATES_HZ[0] <= rate * SECONDS[time_unit] / seconds <= RATES_HZ[1]]
        hint = f"It would fit if time were in {' or '.join(fits)}: see --time-unit." if fits else "Look at the time column."
        raise InterchangeError(f"{path} has {rate:.4g} samples a second, with time in {time_unit}; no eye tracker has.", hint)
    return rate


def _check_pixels(path: Path, x: NDArray[np.float64], y: NDArray[np.float64], screen: Screen) -> None:
    """Refuse coordinates that cannot be pixels of this screen."""
    x, y = x[np.isfinite(x)], y[np.isfinite(y)]
    if not len(x):
        return
    if max(np.abs(x).max(), np.abs(y).max()) <= 2.0:
        raise InterchangeError(
            f"Gaze in {path} never leaves the screen's upper left two pixels: it looks like fractions of the screen.",
            "Multiply x by the screen's width and y by its height, in pixels.",
        )
    outside = float(np.mean((x < 0) | (x > screen.width_px) | (y < 0) | (y > screen.height_px)))
    if outside > 0.5:
        raise InterchangeError(
            f"{outside:.0%} of the gaze in {path} lies outside a screen of {screen.width_px} x {screen.height_px} pixels.",
            "Check --screen-px, and that pixels count from the screen's upper left corner.",
        )
