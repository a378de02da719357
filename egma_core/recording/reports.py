"""What the capture process tells of a recording: values as the fields of its events."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

from egma_core.recording.progress import Ending, Progress
from egma_core.recording.recovery import Recovered
from egma_core.store.values import ReadingState
from egma_core.trackers.tracker import TrackerDescription


def tracker_fields(description: TrackerDescription) -> dict[str, Any]:
    """A tracker, as `ready` tells it."""
    return {**dataclasses.asdict(description), "capabilities": sorted(description.capabilities)}


def recovered_fields(recovered: tuple[Recovered, ...]) -> dict[str, Any]:
    """`recovered`: the ids, and all that is known of each reading."""
    details = [{**dataclasses.asdict(reading), "started_utc": reading.started_utc.isoformat()} for reading in recovered]
    return {"readings": [reading.reading_id for reading in recovered], "details": details}


def progress_fields(reading_id: int, progress: Progress, now_ns: int, latency_ms: float) -> dict[str, Any]:
    """`progress`: how the recording stands at `now_ns`; `latency_ms` is the longest since the last time."""
    written = progress.written
    return {
        "reading_id": reading_id,
        "safe_up_to_ns": written.safe_up_to_ns,
        "now_ns": now_ns,
        "n_samples": written.n_samples,
        "n_waiting": written.n_waiting,
        "rate_hz": round(progress.rate_hz, 1),
        "loss_10s": round(progress.loss, 4),
        "loss_reading": round(progress.loss_reading, 4),
        "longest_gap_s": round(progress.longest_gap_s, 2),
        "distance_mm": _rounded(progress.distance_mm),
        "audio_level_db": _rounded(progress.audio_level_db),
        "audio_samples": written.n_audio_samples,
        "free_bytes": progress.free_bytes,
        "latency_ms": round(latency_ms, 1),
        "journal_ok": written.journal_ok,
        "cpu_s": round(time.process_time(), 3),
    }


def ended_fields(reading_id: int, state: ReadingState, ending: Ending) -> dict[str, Any]:
    """`ended`: how a reading ended, and how well the clocks fitted."""
    clock = [{"stream": f.stream, "residual_p99_ms": round(f.residual_p99_ms, 3), "verdict": f.verdict} for f in ending.fits]
    latency_ms = {name: round(value, 1) for name, value in ending.latencies_ms.items()}
    return {"reading_id": reading_id, "state": state, "clock": clock, "latency_ms": latency_ms}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
