"""The benchmark of prediction runs and its figures make sense; how fast this machine is decides nothing here."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from egma_app.bench import predict
from egma_app.bench.predict import bench_predict


def test_prediction_is_measured_in_all_its_parts() -> None:
    pytest.importorskip("torch", reason="prediction needs torch")
    figures = bench_predict(films=3, repeats=2, prompts="phantom")
    assert figures["prompts"] == 24
    assert min(figures.values()) > 0


def test_two_ways_are_measured_in_turn_and_by_their_medians(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    took_ms = iter([5.0, 9.0, 7.0, 90.0, 1.0, 8.0])

    def timed(work: Callable[[], object]) -> float:
        work()
        return next(took_ms)

    monkeypatch.setattr(predict, "_ms", timed)
    found = predict._in_turn(lambda: order.append("one"), lambda: order.append("other"), rounds=3)
    assert order == ["one", "other", "other", "one", "one", "other"]
    assert found == (5.0 / 1e3, 8.0 / 1e3), "medians of 5, 90, 1 and of 9, 7, 8"
