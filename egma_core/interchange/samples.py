"""Raw gaze samples as a CSV table, one row a sample, for those who want pandas or SQL rather than packed chunks."""

from __future__ import annotations

import csv
from pathlib import Path

from egma_core.errors import InterchangeError
from egma_core.gaze.samples import SAMPLE_DTYPE
from egma_core.interchange.release import require_consent
from egma_core.store.store import Store


def export_samples(store: Store, reading_id: int, out: Path) -> int:
    """Write a reading's samples with the columns of `SAMPLE_DTYPE`, and one for their origin; lost values are empty.

    Args:
        store: The library.
        reading_id: The reading.
        out: The file; replaced if it is there.

    Returns:
        How many samples were written.

    Raises:
        StoreError: There is no such reading, or its chunks are damaged.
        PrivacyError: The reader did not agree, or not any more.
        InterchangeError: The file cannot be written.
    """
    require_consent(store, store.reading(reading_id).reader, ("gaze",))
    samples = store.gaze(reading_id)
    names = SAMPLE_DTYPE.names or ()
    unfinished = out.with_name(f"{out.name}.part")
    try:
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            table = csv.writer(file, lineterminator="\n")
            table.writerow([*names, "origin"])
            for row in samples.rows.tolist():
                table.writerow(["" if value != value else value for value in row] + [samples.origin])
        unfinished.replace(out)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise InterchangeError(
            f"The table {out} cannot be written ({error.strerror}).", "Check the folder and the space on its disk."
        ) from error
    return len(samples)
