"""The benchmark of training runs and says what it measured; how fast this machine is decides nothing here."""

from __future__ import annotations

import math

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
        "ratio_text_by_length_to_together",
    }
    assert figures["text_ms"].keys() == {"together", "by_length"}
    # Steps this small may fit into memory that was there before them.
    assert figures["peak_mb"].keys() == set(KINDS)
    assert all(math.isfinite(peak) and peak >= 0 for peak in figures["peak_mb"].values())
