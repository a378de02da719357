"""How fast the viewer paints a large film."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

FILM_SIDE = 3000


def bench_viewer(repeats: int = 40) -> dict[str, Any]:
    """Milliseconds a window/level step takes on a 3000 x 3000 film of 16 bits in a 1920 x 1080 window, and against pyqtgraph's ImageItem.

    Both are painted in turn, in one run, into windows without a screen. `spotlight` is what one move of the pointer takes
    while the film is blurred around it, and what panning takes then.
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
    return {"window_level": figures, "spotlight": _spotlight(film, repeats)}


def _spotlight(film: NDArray[np.uint16], repeats: int) -> dict[str, float]:
    """Milliseconds from an event to the painted window, on a fitted film."""
    from PySide6.QtCore import QEvent, QPointF, Qt
    from PySide6.QtGui import QMouseEvent
    from PySide6.QtWidgets import QApplication

    from egma_app.viewer.image_view import ImageView
    from egma_app.viewer.spotlight import Spotlight
    from egma_core.dicom.image import DicomImage

    view = ImageView()
    view.resize(1920, 1080)
    view.set_image(DicomImage.plain(film))
    view.set_spotlight(Spotlight(radius_px=120.0, blur_px=16.0))
    view.show()
    no_button, no_key = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier

    def move(step: int) -> None:
        place = QPointF(500.0 + 9 * step, 300.0 + 5 * step)
        QApplication.sendEvent(view, QMouseEvent(QEvent.Type.MouseMove, place, view.mapToGlobal(place), no_button, no_button, no_key))
        QApplication.processEvents()

    def pan(_step: int) -> None:
        view.pan(3.0, 1.0)
        view.repaint()

    return {"move_ms": _median_ms(move, repeats), "pan_ms": _median_ms(pan, repeats)}


def _median_ms(act: Callable[[int], None], repeats: int) -> float:
    taken: list[float] = []
    for step in range(repeats + 3):
        start = time.perf_counter()
        act(step)
        taken.append(1e3 * (time.perf_counter() - start))
    return round(statistics.median(taken[3:]), 2)


Painter = Callable[[float, float, float | None], None]
"""Paints the film with a window centre and width, at a zoom in device pixels per image pixel or fitted (None)."""


def _our_painter(film: NDArray[np.uint16]) -> Painter:
    from egma_app.viewer.image_view import ImageView
    from egma_core.dicom.image import DicomImage, Window

    view = ImageView()
    view.resize(1920, 1080)
    view.set_image(DicomImage.plain(film))
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
