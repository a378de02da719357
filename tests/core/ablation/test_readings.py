"""Readings made in memory are those that the recorder, the library, processing and the export give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from egma_core.ablation.readings import simulate_reading
from egma_core.demo.reading import Task, read_films
from egma_core.dicom.deidentify import Pseudonymiser
from egma_core.examples.export import export_examples
from egma_core.interchange.dicom import import_dicom
from egma_core.interchange.keys import library_key
from egma_core.processing import process_all
from egma_core.store.store import Store
from egma_core.synthetic.films import make_phantom
from egma_core.synthetic.phantoms import instance_uid, write_phantoms
from egma_core.synthetic.phrases import ReaderName
from egma_core.synthetic.reader import ReaderModel

SEED, RATE_HZ = 3, 120.0


@pytest.mark.parametrize("reader", ["A", "B"])
def test_a_reading_in_memory_equals_a_recorded_one(tmp_path: Path, reader: ReaderName) -> None:
    phantom = make_phantom(801)
    write_phantoms(tmp_path / "films", {"train": [phantom]})
    with Store.open(tmp_path / "library.sqlite", create=True) as store:
        import_dicom(tmp_path / "films", store, origin="phantom")
        film = Pseudonymiser(library_key(store)).uid(instance_uid(phantom))
        study = next(study.id for study in store.studies())
        read_films(store, [Task(phantom, film, study, reader)], rate_hz=RATE_HZ, seed=SEED, progress=lambda _done, _of: None)
        process_all(store)
        recorded = export_examples(store, tmp_path / "manifest.json").examples[0].sentences
    simulated = simulate_reading(phantom, reader, ReaderModel(), seed=SEED, tracker_seed=SEED + ord(reader), rate_hz=RATE_HZ)
    assert [s.text for s in simulated] == [s.text for s in recorded]
    assert [s.origin for s in simulated] == [s.origin for s in recorded]
    assert any(s.gaze is not None for s in simulated)
    for ours, theirs in zip(simulated, recorded, strict=True):
        assert (ours.gaze is None) == (theirs.gaze is None)
        if ours.gaze is not None and theirs.gaze is not None:
            for name in ("x_px", "y_px", "sigma_px", "weight_s", "visible"):
                np.testing.assert_array_equal(getattr(ours.gaze, name), getattr(theirs.gaze, name), err_msg=name)
