"""`egma fixations`: from anybody's gaze recording to its fixations."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from egma_app.cli.command import FILE, pairs, print_json
from egma_core.gaze.detectors import DETECTORS, Adaptive, Detector
from egma_core.options import from_mapping, options_of

if TYPE_CHECKING:
    from egma_core.gaze.fixations import Fixations
    from egma_core.interchange.gaze_csv import GazeTable


def _detectors_help() -> str:
    """What `--set` may set, per filter, as a block that click leaves as it is."""
    lines = ["\b", "What --set may set, and its default:"]
    for name, kind in DETECTORS.items():
        settings = [f"{o.name}={o.default:g}" if isinstance(o.default, float | int) else f"{o.name}={o.default}" for o in options_of(kind)]
        lines += [f"  {name}:", *(f"    {'  '.join(settings[i : i + 3])}" for i in range(0, len(settings), 3))]
    return "\n".join(lines)


@click.command(epilog=_detectors_help())
@click.argument("table", type=FILE, metavar="IN.csv")
@click.option("--screen-px", type=(click.IntRange(1), click.IntRange(1)), required=True, metavar="W H", help="The screen's native pixels.")
@click.option("--screen-mm", type=(float, float), required=True, metavar="W H", help="The screen's lit size in mm.")
@click.option("--distance-mm", type=float, required=True, help="From eye to screen in mm, where the table has no column distance_mm.")
@click.option("--out", type=FILE, required=True, help="The CSV to write: onset_ms, offset_ms, x_px, y_px.")
@click.option(
    "--detector",
    type=click.Choice(list(DETECTORS)),
    default="adaptive",
    show_default=True,
    help="adaptive: velocity against the recording's own noise; ivt: velocity, Tobii's defaults; idt: dispersion.",
)
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A setting of the filter; may be given several times.")
@click.option("--columns", multiple=True, metavar="NAME=THEIRS", help="Our column NAME is called THEIRS in the table; may be repeated.")
@click.option("--time-unit", type=click.Choice(["ms", "s", "us", "ns"]), default="ms", show_default=True, help="Unit of the time column.")
@click.option("--zero-is-lost/--zero-is-gaze", default=True, show_default=True, help="Whether x = y = 0 marks a loss.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")
def fixations(
    table: Path,
    screen_px: tuple[int, int],
    screen_mm: tuple[float, float],
    distance_mm: float,
    out: Path,
    detector: str,
    settings: tuple[str, ...],
    columns: tuple[str, ...],
    time_unit: str,
    zero_is_lost: bool,
    as_json: bool,
) -> None:
    """Find the fixations of a recording: columns t_ms, x_px, y_px in, one row a fixation out.

    Pixels count from the screen's upper left corner. A column distance_mm, if there is one, says how far the eye was at
    each sample. Samples without numbers, and those more than a screen's size beside the screen, are losses.
    """
    from egma_core.gaze.fixations import detect_fixations
    from egma_core.geometry import Screen
    from egma_core.interchange.gaze_csv import read_gaze_csv, write_fixations_csv

    chosen = _chosen(detector, pairs(settings, "--set", "minimum_ms=60"))
    screen = Screen(*screen_px, *screen_mm, distance_mm)
    recording = read_gaze_csv(
        table, screen, columns=pairs(columns, "--columns", "t_ms=Timestamp"), time_unit=time_unit, zero_is_lost=zero_is_lost
    )
    found = detect_fixations(recording.gaze, chosen)
    write_fixations_csv(out, found)
    figures = _figures(recording, found, chosen)
    if as_json:
        print_json({"detector": detector, **figures})
        return
    click.echo(f"Fixations in {out}: {figures['fixations']}, from {figures['rate_hz']:.4g} samples a second.")
    click.echo(f"Lost: {figures['data_loss']:.1%} of the time; blinks among it: {figures['blinks']}.", err=True)
    if recording.n_zero or recording.n_beyond or recording.n_repeated:
        click.echo(
            f"Taken for lost: {recording.n_zero} samples at (0, 0), {recording.n_beyond} far off the screen;"
            f" passed over: {recording.n_repeated} whose time is that of the one before.",
            err=True,
        )
    if noise := figures.get("noise"):
        click.echo(
            f"Noise: jitter {noise['jitter_deg']:.3f} deg; velocity over {noise['window_s'] * 1e3:.3g} ms,"
            f" saccades from {noise['saccade_deg_s']:.3g} deg/s.",
            err=True,
        )


def _chosen(detector: str, settings: dict[str, str]) -> Detector:
    """The filter with its settings, as typed."""
    values: dict[str, Any] = {}
    for name, text in settings.items():
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            values[name] = int(number) if number.is_integer() else number
        else:
            values[name] = text
    return from_mapping(DETECTORS[detector], values, f"{detector}.")


def _figures(recording: GazeTable, found: Fixations, chosen: Detector) -> dict[str, Any]:
    """What is said of a recording and its fixations, as plain numbers; None for a number there is not."""
    from egma_core.gaze.measures import gaze_quality
    from egma_core.gaze.noise import noise_thresholds
    from egma_core.gaze.track import Track

    quality = gaze_quality(recording.gaze, found)
    figures: dict[str, Any] = {
        "fixations": quality.n_fixations,
        "mean_fixation_ms": quality.mean_fixation_s * 1e3 if quality.n_fixations else None,
        "rate_hz": recording.rate_hz,
        "duration_s": quality.duration_s,
        "data_loss": quality.data_loss,
        "blinks": quality.n_blinks,
    }
    if isinstance(chosen, Adaptive):
        figures["noise"] = asdict(noise_thresholds(Track.of(recording.gaze, chosen), chosen)[0])
    return figures
