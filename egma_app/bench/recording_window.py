"""A window without a screen that paints a large film without pause and records meanwhile, as the program's window does.

Run as a program: commands for the capture process come in on stdin, its events go out on stdout, and among them, now and then,
`painted` {n, now_ns} with the frames so far.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from time import perf_counter_ns
from typing import Any

os.environ["QT_QPA_PLATFORM"] = "offscreen"

import numpy as np
from PySide6.QtWidgets import QApplication

from egma_app import jobs
from egma_app.bench.viewer import FILM_SIDE
from egma_app.capture.session import viewport_fields
from egma_app.viewer.image_view import ImageView
from egma_core.child import Channel
from egma_core.dicom.image import DicomImage, Window

PROCESS = "egma_core.recording.process"
_TELL_NS = 100_000_000


def main() -> int:
    """Paint until stdin ends."""
    channel = Channel.standard()
    application = QApplication(["egma-bench"])
    view = _view()
    child = jobs.Child(PROCESS, "Recording")

    def relay(event: Mapping[str, Any]) -> None:
        if event["event"] == "ready":
            view.painted.connect(lambda viewport: child.send({"do": "viewport", **viewport_fields(viewport)}))
        channel.emit(**event)

    child.received.connect(relay)
    child.start()
    n, told_ns = 0, perf_counter_ns()
    while not channel.ended and child.running:
        view.set_window(Window(30000.0 + n % 1000, 20000.0))
        view.repaint()
        n += 1
        application.processEvents()
        while (command := channel.receive(0)) is not None:
            child.send({"do": command.do, **command.values})
        if perf_counter_ns() - told_ns > _TELL_NS:
            told_ns = perf_counter_ns()
            channel.emit("painted", n=n, now_ns=told_ns)
    child.finish()
    return 0 if child.wait(10000) else 1


def _view() -> ImageView:
    film = np.random.default_rng(0).normal(30000, 6000, (FILM_SIDE, FILM_SIDE)).clip(0, 65535).astype(np.uint16)
    view = ImageView()
    view.resize(1920, 1080)
    view.set_image(DicomImage.plain(film))
    view.show()
    return view


if __name__ == "__main__":
    sys.exit(main())
