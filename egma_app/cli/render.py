"""`egma render`: a film as it is shown, as a PNG."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from egma_app.cli.command import FILE
from egma_core.errors import ConfigError

if TYPE_CHECKING:
    from egma_core.dicom.image import DicomImage, Window


@click.command()
@click.argument("film", type=FILE)
@click.argument("out", type=FILE)
@click.option("--frame", default=1, show_default=True, help="Which frame, counted from 1.")
@click.option("--window", "levels", type=(float, float), metavar="CENTRE WIDTH", help="Show this window instead of the film's own.")
def render(film: Path, out: Path, frame: int, levels: tuple[float, float] | None) -> None:
    """Write a frame of FILM (a DICOM file) to OUT (PNG, 8 bits) as it is meant to be seen.

    Every pixel of the frame is one pixel of the picture: nothing is resampled, and nothing is drawn over it. What was odd about
    the film is said on standard error. It is decoded by a process of its own, within limits of time and memory.
    """
    from egma_core.dicom.display import render as picture_of
    from egma_core.dicom.reader import read_foreign
    from egma_core.overlay.picture import save_png

    if frame < 1:
        raise ConfigError(f"There is no frame {frame}.", "Frames are counted from 1.")
    image = read_foreign(film, frame=frame - 1)
    window = None if levels is None else _window(image, *levels)
    save_png(out, picture_of(image, window=window))
    for note in image.notes:
        click.echo(f"Note: {note}", err=True)
    of_all = f", frame {frame} of {image.frames_in_file}" if image.frames_in_file > 1 else ""
    click.echo(f"{out}: {image.columns} x {image.rows} pixels{of_all}")


def _window(image: DicomImage, center: float, width: float) -> Window:
    """The window that a person asked for, along the curve that the film's own windows follow."""
    from egma_core.dicom.image import Window

    if image.is_colour:
        raise ConfigError("A film in colour has no window.", "Leave out --window.")
    if not math.isfinite(center) or not math.isfinite(width) or width <= 0:
        raise ConfigError(f"A window of centre {center:g} and width {width:g} shows nothing.", "Give a width above 0.")
    own = image.windows_of(0)
    function = own[0].function if own else "LINEAR"
    return Window(center, width, "LINEAR_EXACT" if function == "LINEAR" and width < 1 else function)
