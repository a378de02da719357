"""Splits by patient."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egma_core.errors import ConfigError, InterchangeError
from egma_core.examples.splits import assign_split, check_no_leakage, hash_fraction, splits_of

PATIENTS = [f"P{i:05d}" for i in range(4000)]


def test_shares_are_near_the_fractions_and_seeds_are_independent() -> None:
    first = [assign_split(p, 0, (0.7, 0.1, 0.2)) for p in PATIENTS]
    second = [assign_split(p, 1, (0.7, 0.1, 0.2)) for p in PATIENTS]
    assert first.count("train") / 4000 == pytest.approx(0.7, abs=0.03)
    assert first.count("validation") / 4000 == pytest.approx(0.1, abs=0.02)
    agreement = sum(a == b for a, b in zip(first, second, strict=True)) / 4000
    assert agreement == pytest.approx(0.7**2 + 0.1**2 + 0.2**2, abs=0.04)


def test_the_assignment_is_the_same_on_every_machine() -> None:
    assert hash_fraction("P00001", "split", 0) == 0.3849254788642643
    assert [assign_split(f"P{i}", 3) for i in range(6)] == [assign_split(f"P{i}", 3) for i in range(6)]


@given(st.text(), st.integers(0, 99), st.floats(0.0, 0.99), st.floats(0.0, 0.01))
def test_a_larger_share_keeps_everybody_of_a_smaller_one(patient: str, seed: int, share: float, more: float) -> None:
    if assign_split(patient, seed, (share, 0.0, 1 - share)) == "train":
        assert assign_split(patient, seed, (share + more, 0.0, 1 - share - more)) == "train"


def test_a_fraction_of_zero_gets_nobody() -> None:
    assert {assign_split(p, 0, (1.0, 0.0, 0.0)) for p in PATIENTS} == {"train"}
    assert {assign_split(p, 0, (0.5, 0.5, 0.0)) for p in PATIENTS} == {"train", "validation"}
    assert {assign_split(p, 0, (0.5, 0.0, 0.5)) for p in PATIENTS} == {"train", "test"}


@pytest.mark.parametrize("fractions", [(0.5, 0.1, 0.1), (1.2, -0.1, -0.1)])
def test_fractions_that_are_no_shares_are_refused(fractions: tuple[float, float, float]) -> None:
    with pytest.raises(ConfigError, match="add up to 1"):
        assign_split("P1", 0, fractions)


def test_a_split_of_the_data_set_wins_for_all_studies_of_the_patient() -> None:
    patient = next(p for p in PATIENTS if assign_split(p, 0) == "train")
    assert splits_of([(patient, ""), (patient, "TEST"), (patient, "")], 0) == {patient: "test"}
    assert splits_of([(patient, "valid")], 0) == {patient: "validation"}
    assert splits_of([(patient, " ")], 0) == {patient: "train"}


def test_contradicting_or_unknown_splits_are_refused() -> None:
    with pytest.raises(InterchangeError, match="more than one split, the first being A"):
        splits_of([("A", "train"), ("A", "test"), ("B", "train")], 0)
    with pytest.raises(InterchangeError, match="'fold7'"):
        splits_of([("A", "fold7")], 0)


def test_leakage_is_refused() -> None:
    check_no_leakage([("A", "train"), ("A", "train"), ("B", "test")])
    with pytest.raises(InterchangeError, match="Patient A"):
        check_no_leakage([("A", "train"), ("B", "test"), ("A", "test")])
