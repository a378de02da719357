"""The benchmark of prediction runs and its figures make sense; how fast this machine is decides nothing here."""

from __future__ import annotations

import pytest

from egma_app.bench.predict import bench_predict


def test_prediction_is_measured_in_all_its_parts() -> None:
    pytest.importorskip("torch", reason="prediction needs torch")
    figures = bench_predict(films=3, repeats=2, prompts="phantom")
    assert figures["prompts"] == 24
    assert min(figures.values()) > 0
