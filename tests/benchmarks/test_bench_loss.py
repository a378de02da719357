"""The loss benchmark compares three versions that compute the same; how fast this machine is decides nothing here."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="losses need torch")


def test_the_three_versions_agree_and_are_measured() -> None:
    from egma_app.bench.loss import bench_loss

    figures = bench_loss(films=5, repeats=1, large=(6,), patches=9)
    assert figures["largest_difference"] < 1e-4
    assert min(figures[name] for name in ("ours_ms", "plain_ms", "loop_ms", "ratio_to_plain", "ratio_to_loop")) > 0
    (large,) = figures["large"]
    assert large["films"] == 6
    assert large["seconds"] >= 0
    assert large["peak_beyond_inputs_mib"] is None or large["peak_beyond_inputs_mib"] < 100
