"""What brings a reading's batches onto the disk: into the journal at once, then into the database, in order and never dropped.

A commit may have to wait for a disk or for another program; in the background it holds up neither the tracker nor the journal.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from egma_core.errors import EgmaError, RecordingError, StoreError
from egma_core.recording.journal import Journal, rows_in
from egma_core.store.store import Store
from egma_core.store.values import RawBatch

PATIENCE_S = 0.1
"""How long a commit waits for another program before it is tried again with the next chunk."""

_SYNC_NS = 500_000_000
_RETRY_S = 0.1


@dataclass(frozen=True)
class Written:
    """How far a reading is on the disk.

    Attributes:
        safe_from_ns: Where the stretch begins that the latest commit brought.
        safe_up_to_ns: Everything that happened up to this host time is in the database.
        n_samples: Gaze samples in the database.
        n_audio_samples: Audio samples in the database.
        n_chunks: Commits.
        n_waiting: Samples, viewports, sentences and so on that are not in the database yet.
        latency_ms: From the oldest sample of the latest commit to its end, in ms.
        journal_ok: Whether all that is not in the database yet is in the journal.
        trouble: Why the latest commit failed, or None.
    """

    safe_from_ns: int
    safe_up_to_ns: int
    n_samples: int
    n_audio_samples: int
    n_chunks: int
    n_waiting: int
    latency_ms: float
    journal_ok: bool
    trouble: EgmaError | None


@dataclass
class _Waiting:
    """A batch on its way."""

    until_ns: int
    batch: RawBatch
    next_seq: Mapping[str, int]
    committed: bool = False


class RawWriter:
    """Writes one reading. All methods are for one thread; the commits have another where they are in the background."""

    def __init__(
        self, store: Store, reading_id: int, started_ns: int, now_ns: Callable[[], int], journal: Journal | None, *, background: bool
    ) -> None:
        """Write into a reading that was begun at `started_ns`.

        Args:
            store: The library.
            reading_id: The reading; nobody else appends to it.
            started_ns: Host clock at its start.
            now_ns: The host clock.
            journal: The reading's journal, or None where it could not be made.
            background: Whether commits have a thread of their own, or are done before `write` returns.

        Raises:
            StoreError: There is no such reading, or it has ended.
        """
        self._store = store
        self._reading_id = reading_id
        self._now_ns = now_ns
        self._journal = journal
        self._next_seq = dict(store.tail(reading_id).next_seq)
        self._unjournaled: deque[_Waiting] = deque()
        self._synced_ns = time.perf_counter_ns()
        self._change = threading.Condition()
        self._waiting: deque[_Waiting] = deque()
        self._reached_ns = self._safe_ns = self._safe_from_ns = started_ns
        self._n_samples = self._n_audio = self._n_chunks = 0
        self._ages_ns: list[tuple[int, int]] = []
        self._trouble: EgmaError | None = None
        self._closing = False
        self._thread: threading.Thread | None = None
        if background:
            self._thread = threading.Thread(target=self._commit_for_ever, name="commits", daemon=True)
            self._thread.start()

    def write(self, until_ns: int, batch: RawBatch) -> None:
        """Take over all that happened up to `until_ns`: it is in the journal when this returns, unless that fails."""
        wanted: list[_Waiting] = []
        if batch:
            wanted.append(_Waiting(until_ns, batch, dict(self._next_seq)))
            self._unjournaled += wanted
            for name, n in rows_in(batch).items():
                self._next_seq[name] += n
        self._journal_all()
        with self._change:
            self._waiting += wanted
            self._reached_ns = until_ns
            self._change.notify_all()
        if self._thread is None:
            self._commit_all(PATIENCE_S)

    def flush(self, patience_s: float) -> bool:
        """Commit everything, trying for `patience_s` at most; whether it is all in the database."""
        if self._thread is None:
            self._commit_all(patience_s)
        with self._change:
            return self._change.wait_for(lambda: not self._waiting, patience_s if self._thread else 0.0)

    @property
    def written(self) -> Written:
        """How far the reading is on the disk."""
        with self._change:
            lo_hi = self._ages_ns[-1] if self._ages_ns else (0, 0)
            return Written(
                safe_from_ns=self._safe_from_ns,
                safe_up_to_ns=self._safe_ns if self._waiting else self._reached_ns,
                n_samples=self._n_samples,
                n_audio_samples=self._n_audio,
                n_chunks=self._n_chunks,
                n_waiting=sum(len(waiting.batch) for waiting in self._waiting),
                latency_ms=lo_hi[1] / 1e6,
                journal_ok=self._journal is not None and all(waiting.committed for waiting in self._unjournaled),
                trouble=self._trouble,
            )

    def latencies_ms(self) -> dict[str, float]:
        """Time from a sample to its commit's end over the whole reading: quantiles `p50`, `p99` and `max`, in ms; {} before the first.

        The samples of a chunk are taken to be spread evenly over the time since the chunk before it.
        """
        with self._change:
            ages = np.array(self._ages_ns, np.float64)
        if not len(ages):
            return {}
        newest, oldest = ages.T[:, :, None] / 1e6
        spread = newest + (oldest - newest) * np.linspace(0.0, 1.0, 12)
        p50, p99 = np.quantile(spread, (0.5, 0.99))
        return {"p50": float(p50), "p99": float(p99), "max": float(spread.max())}

    def close(self) -> Journal | None:
        """End the commits; what still waits stays in the journal, which is closed and handed over."""
        with self._change:
            self._closing = True
            self._change.notify_all()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        journal, self._journal = self._journal, None
        if journal is not None:
            journal.close()
        return journal

    def _journal_all(self) -> None:
        """Into the journal whatever is neither there nor in the database, the oldest first."""
        while self._journal is not None and self._unjournaled:
            first = self._unjournaled[0]
            if not first.committed:
                try:
                    self._journal.write(first.next_seq, first.batch)
                except RecordingError:  # told by `journal_ok`, and tried again with the next chunk
                    return
            self._unjournaled.popleft()

    def _commit_for_ever(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._closing or (self._waiting and self._trouble is None), _RETRY_S)
                if self._closing:
                    return
            self._commit_all(PATIENCE_S)

    def _commit_all(self, patience_s: float) -> None:
        """Into the database whatever waits, up to the first batch that it refuses."""
        while True:
            with self._change:
                if not self._waiting or self._closing:
                    break
                first, tried = self._waiting[0], self._trouble is not None
            try:
                if not (tried and self._arrived(first)):
                    self._store.append(self._reading_id, first.batch, next_seq=first.next_seq, patience_s=patience_s)
            except StoreError as error:
                with self._change:
                    self._trouble = error
                break
            self._committed(first)
        self._sync_journal()

    def _arrived(self, waiting: _Waiting) -> bool:
        """Whether a batch is in the database although its commit was reported as failed."""
        reached = self._store.tail(self._reading_id).next_seq
        return all(reached[name] == waiting.next_seq[name] + n for name, n in rows_in(waiting.batch).items())

    def _committed(self, waiting: _Waiting) -> None:
        now_ns = self._now_ns()
        with self._change:
            self._waiting.popleft()
            waiting.committed = True
            self._trouble = None
            self._safe_from_ns, self._safe_ns = self._safe_ns, waiting.until_ns
            self._n_samples += len(waiting.batch.gaze)
            self._n_audio += sum(len(chunk.samples) for chunk in waiting.batch.audio)
            self._n_chunks += 1
            if len(waiting.batch.gaze):
                self._ages_ns.append((now_ns - waiting.until_ns, now_ns - int(waiting.batch.gaze.host_ns[0])))
            self._change.notify_all()

    def _sync_journal(self) -> None:
        now_ns = time.perf_counter_ns()
        if self._journal is None or now_ns - self._synced_ns < _SYNC_NS:
            return
        self._synced_ns = now_ns
        try:
            self._journal.sync()
        except RecordingError as error:
            with self._change:
                self._trouble = error
