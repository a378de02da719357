"""`egma bench`: what this machine does, in figures."""

from __future__ import annotations

from pathlib import Path

import click

from egma_app.cli.command import FOLDER, bar, print_json


@click.group()
def bench() -> None:
    """Measure this machine: each benchmark prints one JSON object."""


@bench.command()
@click.option("--repeats", default=7, show_default=True, help="Measured imports of each kind.")
def startup(repeats: int) -> None:
    """Import time of the window's modules, against the libraries it cannot do without."""
    from egma_app.bench.startup import bench_startup

    print_json(bench_startup(repeats))


@bench.command(name="record")
@click.option("--seconds", default=10.0, show_default=True, help="How long to record, in real time.")
@click.option("--rate", default=1200.0, show_default=True, help="Samples per second of the simulated tracker.")
@click.option("--window/--no-window", default=True, show_default=True, help="Whether a window repaints a large film meanwhile.")
@click.option("--audio/--no-audio", default=True, show_default=True, help="Whether audio is recorded too.")
@click.option("--kills", default=0, show_default=True, help="Then kill so many recordings, window and all, and see what is left.")
def bench_recording(seconds: float, rate: float, window: bool, audio: bool, kills: int) -> None:
    """Samples lost, time until one is durable, processor use of the capture process; what is left after kill -9."""
    from egma_app.bench.record import bench_record

    print_json(bench_record(seconds, rate, window=window, audio=audio, kills=kills))


@bench.command()
@click.option("--repeats", default=40, show_default=True, help="Measured steps of each kind.")
def viewer(repeats: int) -> None:
    """Window/level steps on a 3000 x 3000 film, against a plain pyqtgraph ImageItem in the same run."""
    from egma_app.bench.viewer import bench_viewer

    print_json(bench_viewer(repeats))


@bench.command()
@click.option("--films", default=40, show_default=True, help="Films of the batch that is compared.")
@click.option("--repeats", default=20, show_default=True, help="Measured steps of each kind.")
@click.option("--large", multiple=True, type=int, default=(1024,), show_default=True, help="Also a step of so many films; may be repeated.")
def loss(films: int, repeats: int, large: tuple[int, ...]) -> None:
    """The three loss terms, forward and backward, against a plain vectorised version and a loop in the same run."""
    from egma_app.bench.loss import bench_loss

    print_json(bench_loss(films, repeats, large))


@bench.command()
@click.option("--films", default=96, show_default=True, help="Films of a pass.")
@click.option("--repeats", default=5, show_default=True, help="Measured passes of each kind.")
@click.option("--size", "size_px", default=0, show_default=True, help="Side of the network pictures in px; 0 for the tiny preset's.")
def loader(films: int, repeats: int, size_px: int) -> None:
    """Examples a second, against a JPEG heat map a sentence and against a step of the tiny model, in the same run."""
    from egma_app.bench.loader import bench_loader

    print_json(bench_loader(films, repeats, size_px))


@bench.command(name="predict")
@click.option("--films", default=64, show_default=True, help="Phantom films of 512 x 512 pixels.")
@click.option("--repeats", default=20, show_default=True, help="How often what is small is measured.")
def bench_prediction(films: int, repeats: int) -> None:
    """Time to encode a film and to answer a typed sentence, prompts kept against encoded anew, films a second."""
    from egma_app.bench.predict import bench_predict

    print_json(bench_predict(films, repeats))


@bench.command(name="train")
@click.option("--films", default=32, show_default=True, help="Films of a batch.")
@click.option("--steps", default=15, show_default=True, help="Measured steps of each kind in each process.")
@click.option("--rounds", default=3, show_default=True, help="Processes of each kind, taken in turn.")
def bench_training(films: int, steps: int, rounds: int) -> None:
    """Training steps of the tiny preset: one thread and all, a batch in several passes, a memory allocator that keeps."""
    from egma_app.bench.train import bench_train

    print_json(bench_train(films, steps, rounds))


@bench.command(name="fixations")
@click.option("--seconds", default=60.0, show_default=True, help="Length of each simulated recording.")
@click.option("--repeats", default=4, show_default=True, help="Recordings of each kind.")
def bench_fixation_filters(seconds: float, repeats: int) -> None:
    """Kappa and event F1 of each fixation filter as simulated trackers grow slower and noisier."""
    from egma_app.bench.fixations import bench_fixations

    print_json(bench_fixations(seconds, repeats))


@bench.command()
@click.option("--mutants", default=5000, show_default=True, help="How many broken films to open.")
@click.option("--films", type=FOLDER, help="Break the films below this folder instead of those that come with pydicom.")
@click.option("--seed", default=0, show_default=True, help="Another seed breaks them in other ways.")
def fuzz(mutants: int, films: Path | None, seed: int) -> None:
    """Broken films: bytes flipped, cut off, mislabelled, stretched, spliced, random; crashes, hangs, memory, wrong pictures."""
    from egma_app.bench.fuzz import bench_fuzz

    with bar("Breaking films") as advance:
        found = bench_fuzz(mutants, films, seed, advance)
    print_json(found)
