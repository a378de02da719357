"""`egma bench`: what this machine does, in figures."""

from __future__ import annotations

import click

from egma_app.cli.command import print_json


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
def bench_recording(seconds: float, rate: float) -> None:
    """Samples lost and time until a sample is durable, recording a simulated tracker."""
    from egma_app.bench.record import bench_record

    print_json(bench_record(seconds, rate))


@bench.command()
@click.option("--repeats", default=40, show_default=True, help="Measured steps of each kind.")
def viewer(repeats: int) -> None:
    """Window/level steps on a 3000 x 3000 film, against a plain pyqtgraph ImageItem in the same run."""
    from egma_app.bench.viewer import bench_viewer

    print_json(bench_viewer(repeats))
