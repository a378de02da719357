"""Study protocols: what they fix, what they refuse, and what a reader gets to see."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egma_core.assets import resource
from egma_core.errors import ConfigError
from egma_core.geometry import Screen
from egma_core.recording.gate import GateLimits
from egma_core.recording.protocol import StudyProtocol, case_list, load_protocol, parse_protocol
from egma_core.store.values import ReadingEntry, ReadingState, StudyEntry, StudyReference

NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)


def study(n: int, patient: str = "", **others: Any) -> StudyEntry:
    values = {"labels": ("edema",), "split": "", "instances": (), "n_readings": 3, "status": "read", **others}
    return StudyEntry(n, f"1.2.{n}", patient or f"P{n}", "CR", **values)


def reading(study_id: int, reader: str, state: ReadingState = "complete") -> ReadingEntry:
    screen = Screen(1920, 1080, 530.0, 300.0, 650.0)
    about = StudyReference(study_id, f"P{study_id}")
    return ReadingEntry(1, "u", about, reader, "mouse", "mouse", state, 0, 1, NOW, 5, 1, (), screen)


def test_the_example_says_every_default(tmp_path: Path) -> None:
    protocol = load_protocol(resource("study_protocols", "example.toml"))
    assert (protocol.name, len(protocol.cases)) == ("Example study", 3)
    assert protocol.keys == {"capture.sign_off": "Ctrl+Return"}
    plain = dataclasses.replace(protocol, name="", description="", cases=(), keys={})
    assert plain == StudyProtocol()
    assert parse_protocol('name = "x"') == StudyProtocol("x")


def test_what_a_protocol_fixes_is_read(tmp_path: Path) -> None:
    path = tmp_path / "pilot.toml"
    path.write_text(
        'name = "Pilot"\ncases = ["P2", "P1"]\norder = "listed"\ndictation = "push"\n[display]\nwindowing = false\n'
        '[windows]\nname = "lead"\n[calibration]\npoints = 9\n[gate]\nloss_red = 0.3\n'
        '[blinds]\nlabels = false\n[keys]\n"capture.start" = "F5"\n',
        encoding="utf-8",
    )
    protocol = load_protocol(path)
    assert (protocol.cases, protocol.dictation, protocol.display.windowing, protocol.display.zoom) == (("P2", "P1"), "push", False, True)
    assert (protocol.windows.name, protocol.calibration.points, protocol.gate) == ("lead", 9, GateLimits(loss_red=0.3))
    assert (protocol.blinds.labels, protocol.blinds.other_readers, protocol.keys) == (False, True, {"capture.start": "F5"})


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("name = ", "not valid TOML"),
        ("seed = 1", "has no name"),
        ("name = 'x'\ncase = ['P1']", "no setting case"),
        ("name = 'x'\n[gate]\nloss = 1", "no setting gate.loss"),
        ("name = 'x'\n[gate]\nloss_red = 0.01", "contradict each other"),
        ("name = 'x'\norder = 'random'", "order cannot be 'random'"),
        ("name = 'x'\ndictation = 'sung'", "dictation cannot be 'sung'"),
        ("name = 'x'\ncases = ['P1', 'P2', 'P1']", "the case P1 more than once"),
        ("name = 'x'\ncases = 'P1'", "cases must be a list"),
        ("name = 'x'\nkeys = 3", "keys must be a table"),
        ("name = 'x'\n[keys]\n'capture.start' = 3", "keys must be a table"),
        ("name = 'x'\n[calibration]\naccuracy_deg = 90", "outside its range"),
    ],
)
def test_a_slip_of_the_pen_is_refused(toml: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        parse_protocol(toml)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_protocol(tmp_path / "absent.toml")
    (tmp_path / "latin.toml").write_bytes("name = 'Größe'".encode("latin-1"))
    with pytest.raises(ConfigError, match="UTF-8"):
        load_protocol(tmp_path / "latin.toml")


def test_every_reader_has_an_order_that_stays(tmp_path: Path) -> None:
    protocol = StudyProtocol("x", seed=7)
    cases = [f"P{n}" for n in range(6)]
    assert protocol.ordered(cases, "Dr A") == ("P2", "P3", "P0", "P4", "P1", "P5"), "the same on every machine, for good"
    orders = {protocol.ordered(cases, reader) for reader in ("Dr A", "Dr B", "Dr C")}
    assert len(orders) == 3
    assert dataclasses.replace(protocol, seed=8).ordered(cases, "Dr A") != protocol.ordered(cases, "Dr A")
    assert dataclasses.replace(protocol, order="listed").ordered(cases, "Dr A") == tuple(cases)


@given(st.lists(st.text(min_size=1, max_size=5), unique=True, max_size=12), st.text(max_size=5), st.integers(0, 99))
def test_an_order_loses_no_case_and_a_new_case_moves_no_other(cases: list[str], reader: str, seed: int) -> None:
    protocol = StudyProtocol("x", seed=seed)
    ordered = protocol.ordered(cases, reader)
    assert sorted(ordered) == sorted(cases)
    assert protocol.ordered(cases[1:], reader) == tuple(case for case in ordered if case not in cases[:1])


def test_cases_are_found_by_patient_or_study_and_what_is_wrong_is_named() -> None:
    studies = [study(1), study(2, "PX"), study(3, "PX"), study(4)]
    protocol = StudyProtocol("x", cases=("P4", "1.2.2", "PX", "P9", "P1"), order="listed")
    found = case_list(protocol, studies, (), "Dr A")
    assert [s.id for s in found.studies] == [4, 2, 1]
    assert (found.missing, found.ambiguous) == (("P9",), ("PX",))
    everything = case_list(StudyProtocol("x", order="listed"), studies, (), "Dr A")
    assert [s.id for s in everything.studies] == [1, 2, 3, 4]


@pytest.fixture
def seen() -> Callable[..., list[tuple[Any, ...]]]:
    def look(**blinds: bool) -> list[tuple[Any, ...]]:
        protocol = StudyProtocol("x", order="listed")
        protocol = dataclasses.replace(protocol, blinds=dataclasses.replace(protocol.blinds, **blinds))
        readings = [
            reading(1, "Dr A"),
            reading(1, "Dr B"),
            reading(2, "Dr B"),
            reading(3, "Dr A", "discarded"),
            reading(4, "Dr A", "recovered"),
            reading(2, "Dr C", "recording"),
        ]
        found = case_list(protocol, [study(n) for n in range(1, 5)], readings, " Dr A ")
        return [(s.labels, s.n_readings, s.status) for s in found.studies]

    return look


def test_a_blinded_reader_sees_no_labels_and_only_their_own_work(seen: Callable[..., list[tuple[Any, ...]]]) -> None:
    assert seen() == [((), 1, "read"), ((), 0, "unread"), ((), 0, "unread"), ((), 1, "read")]
    assert seen(labels=False)[1] == (("edema",), 0, "unread")
    assert seen(other_readers=False)[1] == ((), 3, "read")
