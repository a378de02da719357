"""Sets of phantoms, and writing them to disk as a department's export would come: DICOM files and a table of labels."""

from __future__ import annotations

import csv
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from egma_core.dicom.writer import FilmTags, write_film
from egma_core.errors import ConfigError
from egma_core.synthetic.films import BITS_STORED, Phantom, make_phantom
from egma_core.synthetic.findings import FINDINGS

LABELS_FILE = "labels.csv"
COLUMNS = ("image", "patient_id", "labels", "sentences", "split")
PIXEL_SPACING_MM = 0.7
"""A film of 512 px then covers the 36 cm that a chest film does."""


def phantom_set(n: int, seed: int, *, single_finding: bool = False, share: float = 0.3) -> tuple[Phantom, ...]:
    """`n` phantoms, the seeds `seed` to `seed + n - 1`.

    Args:
        n: How many.
        seed: The first one's seed; sets whose ranges of seeds do not meet share no patient.
        single_finding: Give each exactly one finding, all findings equally often (to within one) and in random order.
        share: Otherwise, the probability of each finding.
    """
    if not single_finding:
        return tuple(make_phantom(seed + i, share=share) for i in range(n))
    order = np.random.default_rng((seed, n)).permutation(n)
    return tuple(make_phantom(seed + i, only=FINDINGS[int(order[i]) % len(FINDINGS)]) for i in range(n))


def patient_id(phantom: Phantom) -> str:
    """The phantom's patient ID; it tells the seed and nothing of the findings."""
    return f"phantom-{phantom.seed:07d}"


def instance_uid(phantom: Phantom) -> str:
    """SOP Instance UID of the phantom's film."""
    return _uid(phantom, "instance")


def film_name(phantom: Phantom) -> str:
    """Name of the phantom's file."""
    return f"{patient_id(phantom)}.dcm"


def write_phantom(folder: Path, phantom: Phantom) -> str:
    """Write one phantom's film into a folder that exists; returns the file's hexadecimal SHA-256.

    Raises:
        InterchangeError: The file cannot be written.
    """
    return write_film(folder / film_name(phantom), phantom.pixels(), _tags(phantom))


def write_phantoms(
    folder: Path, sets: Mapping[str, Sequence[Phantom]], *, progress: Callable[[int, int], None] | None = None
) -> tuple[Phantom, ...]:
    """Write sets of phantoms as DICOM files, and `labels.csv` beside them.

    The table has the columns `COLUMNS`: file name, patient ID, findings separated by `|`, no sentences, and the split.
    Where the findings lie is written nowhere.

    Args:
        folder: Where to; it is made if need be.
        sets: Phantoms by the name of their split: `train`, `validation`, `test`.
        progress: Called with films done and films in all.

    Returns:
        Every phantom, in the order written.

    Raises:
        ConfigError: The same patient is in two places.
        InterchangeError: A file cannot be written.
    """
    films = [(split, phantom) for split, phantoms in sets.items() for phantom in phantoms]
    if len({phantom.seed for _, phantom in films}) < len(films):
        raise ConfigError("Two of the phantoms to write are the same patient.", "Give each set its own range of seeds.")
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[tuple[str, ...]] = [COLUMNS]
    for done, (split, phantom) in enumerate(films, start=1):
        write_phantom(folder, phantom)
        rows.append((film_name(phantom), patient_id(phantom), "|".join(phantom.labels), "", split))
        if progress is not None:
            progress(done, len(films))
    with (folder / LABELS_FILE).open("w", encoding="utf-8", newline="") as table:
        csv.writer(table, lineterminator="\n").writerows(rows)
    return tuple(phantom for _, phantom in films)


def _tags(phantom: Phantom) -> FilmTags:
    return FilmTags(
        patient_id=patient_id(phantom),
        study_uid=_uid(phantom, "study"),
        series_uid=_uid(phantom, "series"),
        instance_uid=instance_uid(phantom),
        modality="CR",
        bits_stored=BITS_STORED,
        pixel_spacing_mm=(PIXEL_SPACING_MM, PIXEL_SPACING_MM),
        view_position="PA",
        patient_orientation=("L", "F"),
    )


def _uid(phantom: Phantom, kind: str) -> str:
    """A UID derived from a name-based UUID (PS3.5 B.2), the same for the same phantom."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, f'egma phantom {phantom.seed} {kind}').int}"
