"""How well a recording keeps up with its tracker."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any


def bench_record(seconds: float = 10.0, rate_hz: float = 1200.0) -> dict[str, Any]:
    """Record a simulated tracker in real time: samples lost, and the time from a sample to its being durable."""
    from egma_core.recording.headless import record_headless
    from egma_core.store.store import Store

    with tempfile.TemporaryDirectory(prefix="egma-bench-") as folder, Store.open(Path(folder) / "bench.sqlite", create=True) as store:
        latencies_ms: list[float] = []
        cpu, wall = time.process_time(), time.perf_counter()
        result = record_headless(
            store,
            rate_hz=rate_hz,
            seconds=seconds,
            progress=lambda p: latencies_ms.append((time.perf_counter_ns() - p.safe_from_ns) / 1e6),
        )
        cpu_share = (time.process_time() - cpu) / (time.perf_counter() - wall)
    return {
        "rate_hz": rate_hz,
        "seconds": seconds,
        "samples": result.n_samples,
        "samples_expected": round(rate_hz * seconds),
        "durable_ms_median": round(statistics.median(latencies_ms), 1),
        "durable_ms_p99": round(statistics.quantiles(latencies_ms, n=100)[98], 1),
        "cpu_share": round(cpu_share, 3),
    }
