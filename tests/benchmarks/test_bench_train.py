"""The benchmark of training runs and says what it measured; how fast this machine is decides nothing here."""

from __future__ import annotations

import sys

from egma_app.bench.train import KINDS, bench_train


def test_training_is_measured_in_every_kind() -> None:
    figures = bench_train(films=8, steps=2, rounds=1)
    assert figures["step_ms"].keys() == figures["examples_per_s"].keys() == set(KINDS)
    assert min(*figures["step_ms"].values(), *figures["examples_per_s"].values()) > 0
    assert {name for name in figures if name.startswith("ratio")} == {
        "ratio_one_thread_to_all",
        "ratio_micro_batch_to_whole",
        "ratio_allocator_untuned_to_tuned",
        "ratio_peak_micro_batch_to_whole",
    }
    if sys.platform != "win32":
        assert min(figures["peak_mb"].values()) > 0
