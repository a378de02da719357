"""Benchmarks that ship with the program: each returns plain figures of one run on this machine."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

BARE_IMPORTS = "import PySide6.QtWidgets, pyqtgraph, sqlalchemy, pydicom"
OUR_IMPORTS = "import egma_app.app, egma_app.main_window"


def bench_startup(repeats: int = 7) -> dict[str, Any]:
    """How long the window's modules take to import, against the libraries it cannot do without.

    Each import runs in a fresh interpreter, alternating between the two, after one unmeasured run of each.
    """
    bare, ours = [], []
    for turn in range(repeats + 1):
        times = _import_seconds(BARE_IMPORTS), _import_seconds(OUR_IMPORTS)
        if turn:
            bare.append(times[0])
            ours.append(times[1])
    ratio = statistics.median(ours) / statistics.median(bare)
    return {"bare_import_s": round(statistics.median(bare), 3), "app_import_s": round(statistics.median(ours), 3), "ratio": round(ratio, 2)}


def _import_seconds(statement: str) -> float:
    code = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def bench_record(seconds: float = 10.0, rate_hz: float = 1200.0) -> dict[str, Any]:
    """Record a simulated tracker in real time: samples lost, and the time from a sample to its being durable."""
    from egma_core.recording.headless import record_headless
    from egma_core.store.store import Store

    with tempfile.TemporaryDirectory(prefix="egma-bench-") as folder, Store.open(Path(folder) / "bench.sqlite", create=True) as store:
        latencies_ms: list[float] = []
        cpu, wall = time.process_time(), time.perf_counter()
        result = record_headless(
            store,
            rate_hz=rate_hz,
            seconds=seconds,
            progress=lambda p: latencies_ms.append((time.perf_counter_ns() - p.safe_from_ns) / 1e6),
        )
        cpu_share = (time.process_time() - cpu) / (time.perf_counter() - wall)
    return {
        "rate_hz": rate_hz,
        "seconds": seconds,
        "samples": result.n_samples,
        "samples_expected": round(rate_hz * seconds),
        "durable_ms_median": round(statistics.median(latencies_ms), 1),
        "durable_ms_p99": round(statistics.quantiles(latencies_ms, n=100)[98], 1),
        "cpu_share": round(cpu_share, 3),
    }


FILM_SIDE = 3000


def bench_viewer(repeats: int = 40) -> dict[str, Any]:
    """Milliseconds a window/level step takes on a 3000 x 3000 film of 16 bits in a 1920 x 1080 window, and against pyqtgraph's ImageItem.

    Both are painted in turn, in one run, into windows without a screen.
    """
    import os

    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from PySide6.QtWidgets import QApplication

    application = QApplication.instance() or QApplication(["egma-bench"])
    film = np.random.default_rng(0).normal(30000, 6000, (FILM_SIDE, FILM_SIDE)).clip(0, 65535).astype(np.uint16)
    ours, theirs = _our_painter(film), _pyqtgraph_painter(film)
    application.processEvents()  # only a window that has been exposed is painted
    figures: dict[str, Any] = {}
    for name, zoom in (("fit", None), ("one_to_one", 1.0)):
        times: tuple[list[float], list[float]] = ([], [])
        for step in range(repeats + 3):
            for painter, taken in zip((ours, theirs), times, strict=True):
                start = time.perf_counter()
                painter(30000.0 + 50 * step, 20000.0, zoom)
                taken.append(1e3 * (time.perf_counter() - start))
        mine, stock = (statistics.median(taken[3:]) for taken in times)
        figures[f"{name}_ms"] = round(mine, 2)
        figures[f"{name}_ratio_to_image_item"] = round(mine / stock, 3)
    return {"window_level": figures}


Painter = Callable[[float, float, float | None], None]
"""Paints the film with a window centre and width, at a zoom in device pixels per image pixel or fitted (None)."""


def _our_painter(film: NDArray[np.uint16]) -> Painter:
    from egma_app.viewer.image_view import ImageView
    from egma_core.dicom.image import DicomImage, Window

    image = DicomImage(
        film[None], offset=0, bits_stored=16, modality_lut=None, slope=1.0, intercept=0.0, windows=(), voi_luts=(), inverted=False,
        padding=None, pixel_spacing_mm=None, spacing_source="", modality="CR", view_position="PA", patient_orientation=("", ""),
        study_uid="1", series_uid="1.1", instance_uid="1.1.1", sop_class_uid="",
    )  # fmt: skip
    view = ImageView()
    view.resize(1920, 1080)
    view.set_image(image)
    view.show()
    shown: list[float | None] = [None]

    def paint(center: float, width: float, zoom: float | None) -> None:
        if zoom != shown[0]:
            view.fit() if zoom is None else view.actual_size()
            shown[0] = zoom
        view.set_window(Window(center, width))
        view.repaint()

    return paint


def _pyqtgraph_painter(film: NDArray[np.uint16]) -> Painter:
    import pyqtgraph

    view = pyqtgraph.GraphicsView()
    box = pyqtgraph.ViewBox(lockAspect=True, invertY=True, enableMenu=False, defaultPadding=0)
    view.setCentralItem(box)
    view.resize(1920, 1080)
    item = pyqtgraph.ImageItem(film, axisOrder="row-major", levels=(20000, 40000))
    box.addItem(item)
    view.show()
    shown: list[float | None] = [-1.0]

    def paint(center: float, width: float, zoom: float | None) -> None:
        if zoom != shown[0]:
            across, down = (FILM_SIDE, FILM_SIDE) if zoom is None else (1920 / zoom, 1080 / zoom)
            left, top = (FILM_SIDE - across) / 2, (FILM_SIDE - down) / 2
            box.setRange(xRange=(left, left + across), yRange=(top, top + down), padding=0)
            shown[0] = zoom
        item.setLevels((center - width / 2, center + width / 2))
        view.viewport().repaint()

    return paint
