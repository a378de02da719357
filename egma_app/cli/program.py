"""`egma demo`, `egma app`, `egma doctor`."""

from __future__ import annotations

import ctypes
import dataclasses
import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

import click

from egma_app.cli.command import FILE, FOLDER, PATH, json_option, print_json, stages
from egma_core.errors import ConfigError, MissingExtraError

QT_PACKAGES = (
    "libgl1 libegl1 libxkbcommon0 libglib2.0-0 libfontconfig1 libdbus-1-3 "
    "libxcb-cursor0 libxkbcommon-x11-0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0"
)


@click.command()
@click.option("--out", type=FOLDER, default=Path("egma-demo"), show_default=True, help="Folder for the library, the run and the pictures.")
@click.option("--headless", is_flag=True, help="Do not open the window at the end.")
@click.option("--fresh", is_flag=True, help="Start over, even if the folder holds an unfinished or finished demo.")
def demo(out: Path, headless: bool, fresh: bool) -> None:
    """The whole chain on made-up films, in minutes.

    Phantom chest films are written to disk as DICOM and imported; simulated readers read them through the
    recorder that people use; a small EGMA is trained on the readings, evaluated on films of other phantoms,
    and shown. Nothing is downloaded. An unfinished demo goes on where it stopped.
    """
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("safetensors") is None:
        raise MissingExtraError("The demo's training", "train")
    from egma_core.demo.stages import STAGES, first_test_film, run_demo

    with stages(STAGES) as advance:
        report = run_demo(out, fresh=fresh, progress=advance)
    zero_shot, gaze = report["zero_shot"], report["gaze_agreement"]
    low, high = zero_shot["ci95"]
    interval = f"95 % interval {low:.2f} to {high:.2f}; chance {zero_shot['chance']:.2f}"
    click.echo(f"Zero-shot accuracy on {zero_shot['n']} films of held-out phantoms: {zero_shot['accuracy']:.2f} ({interval}).")
    click.echo(f"Agreement with the reader's gaze, shuffled AUC: {gaze['shuffled_auc']:.2f} (chance 0.50).")
    click.echo(report["note"])
    click.echo(f"In {out}: library.sqlite, run, overlays, report.json.")
    if not headless:
        try:
            sys.exit(open_window(out / "library.sqlite", "explore", out / "run", film=first_test_film(out)))
        except ConfigError as error:
            click.echo(f"The window stays closed. {error}", err=True)


@click.command()
@click.argument("library", required=False, type=FILE)
@click.option("--workspace", type=click.Choice(["capture", "review", "train", "explore"]), help="The workspace to begin in.")
@click.option("--checkpoint", type=PATH, help="A run or checkpoint to open in Explore.")
@click.option("--film", type=FILE, help="A film to open in Explore; it is shown, never stored.")
@click.option("--picture", type=FILE, help="Write a picture of the window to this PNG file after --seconds, and close it.")
@click.option("--seconds", type=click.FloatRange(min=0.5), default=10.0, show_default=True, help="When to take the picture.")
def app(
    library: Path | None, workspace: str | None, checkpoint: Path | None, film: Path | None, picture: Path | None, seconds: float
) -> None:
    """Open the window, on LIBRARY or on the one that was open last."""
    quit_after_ms = None if picture is None else round(1000 * seconds)
    sys.exit(open_window(library, workspace or "", checkpoint, film=film, picture=picture, quit_after_ms=quit_after_ms))


def open_window(library: Path | None, workspace: str, checkpoint: Path | None, **more: Any) -> int:
    """Open the window and wait until it is closed; returns the exit status.

    Raises:
        MissingExtraError: Qt is not installed.
        ConfigError: Qt cannot reach a screen.
    """
    if importlib.util.find_spec("PySide6") is None or importlib.util.find_spec("pyqtgraph") is None:
        raise MissingExtraError("The window", "app")
    _require_screen()
    try:
        from egma_app.app import main as run_app
    except ImportError as error:
        raise ConfigError(f"Qt cannot be loaded ({error}).", f"On Debian and Ubuntu: apt-get install {QT_PACKAGES}") from error

    return run_app(library=library, workspace=workspace, checkpoint=checkpoint, **more)


def _require_screen() -> None:
    """Say in words what would make Qt abort the process."""
    if sys.platform != "linux" or os.environ.get("QT_QPA_PLATFORM"):
        return
    if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
        raise ConfigError("There is no screen to open the window on.", "Run it on a desktop, or under xvfb-run.")
    if os.environ.get("DISPLAY"):
        try:
            ctypes.CDLL("libxcb-cursor.so.0")
        except OSError as error:
            raise ConfigError("Qt lacks libraries to open a window.", f"On Debian and Ubuntu: apt-get install {QT_PACKAGES}") from error


@click.command()
@click.option("--store", "library", metavar="LIBRARY", help="Also check this library; nothing in it is changed.")
@json_option
def doctor(library: str | None, as_json: bool) -> None:
    """Say what this installation can do, and whether a library is sound; what only a journal has of a reading counts as safe."""
    from egma_app.cli.diagnosis import diagnose
    from egma_core.recording.recovery import check
    from egma_core.store.store import Store

    if library is not None:
        with Store.open(library, read_only=True) as store:
            health = check(store)
        if as_json:
            print_json(dataclasses.asdict(health))
        else:
            click.echo(f"Library: integrity {health.integrity}, {len(health.readings)} readings.")
            for reading in health.readings:
                heard = f", {reading.n_audio_samples} of audio, {reading.n_audio_gaps} gaps" if reading.n_audio_samples else ""
                click.echo(f"  reading {reading.id}: {reading.state}, {reading.n_samples} samples, {reading.n_gaps} gaps{heard}")
        return
    findings = diagnose()
    if as_json:
        print_json({finding.name: finding.state for finding in findings})
        return
    for finding in findings:
        click.echo(f"{finding.name:24} {finding.state}")
        if finding.advice:
            click.echo(f"{'':24} {finding.advice}")
