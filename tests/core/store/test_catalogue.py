"""Readers, films and studies go in and come out, on both engines."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from egma_core.errors import StoreError
from egma_core.store.store import Store
from egma_core.store.values import FilmRecord, ReportSentence

Films = Callable[..., FilmRecord]


def test_a_reader_is_added_once(store: Store) -> None:
    first = store.add_reader(" Dr B ")
    assert first.tables == {"reader"}
    again = store.add_reader("Dr B")
    assert (again.tables, again.id) == (frozenset(), first.id)
    store.add_reader("Dr A")
    assert [reader.name for reader in store.readers()] == ["Dr A", "Dr B"]
    with pytest.raises(StoreError, match="needs a name"):
        store.add_reader("  ")


def test_a_film_brings_its_series_study_and_patient(store: Store, film: Films) -> None:
    record = film(7, view_position="LL")
    changes = store.add_film(record, labels=("nodule", "effusion"), report=(ReportSentence("A nodule.", "label"),), split="test")
    assert changes.tables == {"patient", "study", "series", "instance", "study_label", "report_sentence"}
    (study,) = store.studies()
    assert (study.study_uid, study.patient, study.modality, study.split) == (record.study_uid, "P007", "CR", "test")
    assert study.labels == ("effusion", "nodule")
    assert (study.n_readings, study.status) == (0, "unread")
    (instance,) = study.instances
    assert instance.id == changes.id
    assert instance.path == store.files / "films" / "7.dcm"
    assert (instance.rows, instance.columns, instance.view_position, instance.sha256) == (2048, 1024, "LL", record.sha256)
    assert store.instance(record.instance_uid) == instance
    assert store.study(study.id) == study
    assert store.report(study.id) == (ReportSentence("A nodule.", "label"),)


def test_adding_a_film_again_changes_nothing(store: Store, film: Films) -> None:
    first = store.add_film(film(1), labels=("nodule",), report=(ReportSentence("A.", "label"),), split="train")
    again = store.add_film(film(1), labels=("nodule",), report=(ReportSentence("A.", "label"),), split="train")
    assert (again.tables, again.id) == (frozenset(), first.id)
    assert store.report(store.studies()[0].id) == (ReportSentence("A.", "label"),)


def test_a_second_film_joins_its_study(store: Store, film: Films) -> None:
    store.add_film(film(1), labels=("nodule",), report=(ReportSentence("A.", "label"),))
    changes = store.add_film(
        film(2, patient=1, study=1), labels=("mass", "nodule"), report=(ReportSentence("A.", "label"), ReportSentence("B.", "label"))
    )
    assert changes.tables == {"instance", "study_label", "report_sentence"}
    (study,) = store.studies()
    assert [instance.instance_uid for instance in study.instances] == ["1.2.3.1.1.1", "1.2.3.1.1.2"]
    assert study.labels == ("mass", "nodule")
    assert [sentence.text for sentence in store.report(study.id)] == ["A.", "B."]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"sha256": "f" * 64}, "another film under"),
        ({"study_uid": "1.2.3.99"}, "under another study or patient"),
        ({"patient": "P999"}, "under another study or patient"),
        ({"file": "../outside.dcm"}, "below the library's own folder"),
        ({"file": "C:/outside.dcm"}, "below the library's own folder"),
        ({"file": "/outside.dcm"}, "below the library's own folder"),
    ],
)
def test_a_film_that_contradicts_the_library_is_refused(store: Store, film: Films, changed: dict[str, str], words: str) -> None:
    store.add_film(film(1))
    with pytest.raises(StoreError, match=words):
        store.add_film(film(1, **changed))
    assert len(store.studies()) == 1


def test_a_study_cannot_be_in_two_splits(store: Store, film: Films) -> None:
    store.add_film(film(1))
    assert store.add_film(film(1), split="train").tables == {"study"}
    with pytest.raises(StoreError, match="in the split 'train' already"):
        store.add_film(film(2, patient=1, study=1), split="test")
    assert [study.split for study in store.studies()] == ["train"]
    assert len(store.studies()[0].instances) == 1, "the refused film must not be half there"


def test_labels_are_replaced(store: Store, film: Films) -> None:
    store.add_film(film(1), labels=("nodule",))
    study = store.studies()[0]
    store.set_labels(study.id, ["mass", "effusion"], "typed")
    assert store.study(study.id).labels == ("effusion", "mass")
    with pytest.raises(StoreError, match="no study 99"):
        store.set_labels(99, ["mass"], "typed")


@pytest.mark.parametrize(
    ("search", "found"),
    [("", [1, 2, 3]), ("p002", [2]), ("NODULE", [1, 3]), ("nodule p003", [3]), ("dx", [3]), ("1.2.3.2", [2]), ("100%", []), ("_", [])],
)
def test_search_keeps_what_matches_every_word(store: Store, film: Films, search: str, found: list[int]) -> None:
    store.add_film(film(1), labels=("nodule",))
    store.add_film(film(2), labels=("mass",))
    store.add_film(film(3, modality="DX"), labels=("nodule", "mass"))
    assert [int(study.patient[1:]) for study in store.studies(search=search)] == found


def test_a_study_knows_where_it_stands(store: Store, begin: Callable[..., int]) -> None:
    reading = begin(store)
    assert store.studies()[0].status == "reading"
    store.end_reading(reading, "discarded", 10**15 + 1)
    assert (store.studies()[0].status, store.studies()[0].n_readings) == ("unread", 0)
    store.end_reading(begin(store), "complete", 10**15 + 1)
    assert (store.studies()[0].status, store.studies()[0].n_readings) == ("read", 1)


def test_what_is_not_there_is_named(store: Store) -> None:
    with pytest.raises(StoreError, match="no study 5"):
        store.study(5)
    with pytest.raises(StoreError, match="no study 5"):
        store.report(5)
    with pytest.raises(StoreError, match=r"no film 1\.2"):
        store.instance("1.2")
