"""The recording benchmark runs, kills and says what it found; how fast this machine is decides nothing here."""

from __future__ import annotations

import importlib.util

from egma_app.bench.record import bench_record


def test_a_recording_beside_a_busy_window_is_judged() -> None:
    window = importlib.util.find_spec("PySide6") is not None
    figures = bench_record(seconds=0.5, rate_hz=600.0)
    assert (figures["window"], figures["audio"], figures["journal_ok"]) == (window, True, True)
    assert (figures["samples_lost"], figures["audio_gaps"]) == (0, 0)
    assert figures["samples"] > 0.5 * 600
    assert figures["audio_samples"] > 0.5 * 16000 * 0.9
    assert 0 < figures["durable_ms_p50"] <= figures["durable_ms_p99"] <= figures["durable_ms_max"]
    assert figures["cpu_share"] > 0
    assert (figures["repaints_per_s"] is not None) == window
    assert [fit["verdict"] for fit in figures["clock"]] == ["good", "good"]
    assert "kills" not in figures


def test_what_a_kill_leaves_is_judged_before_and_after_recovery() -> None:
    kills = bench_record(seconds=0.2, rate_hz=600.0, window=False, audio=False, kills=1)["kills"]
    assert (kills["n"], kills["sound"], kills["recovered"]) == (1, 1, 1)
    assert kills["lost_ms_median"] == kills["lost_ms_max"]
