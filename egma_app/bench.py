"""Benchmarks that ship with the program: each returns plain figures of one run on this machine."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

BARE_IMPORTS = "import PySide6.QtWidgets, pyqtgraph, sqlalchemy, pydicom"
OUR_IMPORTS = "import egma_app.app, egma_app.main_window"


def bench_startup(repeats: int = 7) -> dict[str, Any]:
    """How long the window's modules take to import, against the libraries it cannot do without.

    Each import runs in a fresh interpreter, alternating between the two, after one unmeasured run of each.
    """
    bare, ours = [], []
    for turn in range(repeats + 1):
        times = _import_seconds(BARE_IMPORTS), _import_seconds(OUR_IMPORTS)
        if turn:
            bare.append(times[0])
            ours.append(times[1])
    ratio = statistics.median(ours) / statistics.median(bare)
    return {"bare_import_s": round(statistics.median(bare), 3), "app_import_s": round(statistics.median(ours), 3), "ratio": round(ratio, 2)}


def _import_seconds(statement: str) -> float:
    code = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


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
