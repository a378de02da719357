"""The loader's benchmark runs, and both ways of loading measure the same gaze."""

from __future__ import annotations

from egma_app.bench.loader import bench_loader


def test_loader_compares_two_ways_and_a_step() -> None:
    figures = bench_loader(films=6, repeats=1)
    speeds = [value for name, value in figures.items() if name.endswith(("per_s", "ms", "to_authors", "to_step"))]
    assert len(speeds) == 8
    assert min(speeds) > 0
    assert figures["examples"] == 6
    assert figures["sentences"] > 6
    assert 0.95 < figures["gaze_cosine"] <= 1.0
    assert 0 <= figures["waiting_share_one_worker"] < 1
    assert 0 < figures["waiting_share"] < 1
