"""The benchmarks run and say what they measured; how fast this machine is decides nothing here."""

from __future__ import annotations

import pytest

from egma_app.bench.startup import bench_startup
from egma_app.bench.viewer import bench_viewer


def test_startup_compares_two_imports() -> None:
    pytest.importorskip("PySide6", reason="the window needs PySide6")
    figures = bench_startup(repeats=1)
    assert min(figures["bare_import_s"], figures["app_import_s"], figures["ratio"]) > 0


def test_viewer_compares_two_painters() -> None:
    pytest.importorskip("PySide6", reason="the window needs PySide6")
    measured = bench_viewer(repeats=3)
    figures = measured["window_level"]
    assert min(*figures.values(), *measured["spotlight"].values()) > 0
    assert {"fit_ratio_to_image_item", "one_to_one_ratio_to_image_item"} <= set(figures)
