"""Splits by patient: a keyed hash decides, so that adding films never moves anybody, and no patient is ever in two splits."""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable
from typing import Literal

from egma_core.errors import ConfigError, InterchangeError

Split = Literal["train", "validation", "test"]
"""What an example is for: to learn from, to choose a checkpoint by, or to report figures on."""

SPLITS: tuple[Split, ...] = ("train", "validation", "test")

_SPELLINGS: dict[str, Split] = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validate": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


def named_split(name: str) -> Split | None:
    """The split that a data set's own word stands for, such as `valid`; None for an empty word.

    Raises:
        InterchangeError: The word is none that data sets use for a split.
    """
    word = name.strip().lower()
    if not word:
        return None
    if word not in _SPELLINGS:
        raise InterchangeError(f"A study has the split {name!r}, which is unknown.", f"Use one of: {', '.join(SPLITS)}.")
    return _SPELLINGS[word]


def hash_fraction(key: str, purpose: str, seed: int) -> float:
    """A number in [0, 1) that depends on `key`, `purpose` and `seed` alone: on every machine, in any order (keyed BLAKE2b)."""
    digest = hashlib.blake2b(key.encode(), key=f"{purpose}:{seed}".encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53


def assign_split(patient: str, seed: int, fractions: tuple[float, float, float] = (0.8, 0.1, 0.1)) -> Split:
    """The split of one patient.

    Args:
        patient: The patient's pseudonym.
        seed: Another seed gives another, independent assignment.
        fractions: Expected shares of train, validation and test; the shares of few patients scatter around them.

    Raises:
        ConfigError: The fractions are negative or do not add up to 1.
    """
    if len(fractions) != 3 or min(fractions) < 0 or not math.isclose(sum(fractions), 1.0, abs_tol=1e-6):
        raise ConfigError(f"The split fractions {fractions} are not three shares of a whole.", "Give three numbers that add up to 1.")
    fraction = hash_fraction(patient, "split", seed)
    if fraction < fractions[0]:
        return "train"
    return "validation" if fractions[2] == 0 or fraction < fractions[0] + fractions[1] else "test"


def splits_of(studies: Iterable[tuple[str, str]], seed: int, fractions: tuple[float, float, float] = (0.8, 0.1, 0.1)) -> dict[str, Split]:
    """The split of every patient; one that a data set gives to any of a patient's studies wins over the hash for all of them.

    Args:
        studies: (patient, the study's own split or "") of every study.
        seed: Seed of the hash.
        fractions: Expected shares of train, validation and test.

    Raises:
        InterchangeError: A data set puts studies of one patient into different splits, which would leak.
    """
    given: dict[str, set[Split]] = defaultdict(set)
    for patient, name in studies:
        split = named_split(name)
        given[patient].update([split] if split else [])
    torn = sorted(patient for patient, splits in given.items() if len(splits) > 1)
    if torn:
        raise InterchangeError(
            f"The studies' own splits put {len(torn)} patients into more than one split, the first being {torn[0]}.",
            "Correct the splits in the library: all studies of a patient belong to one.",
        )
    return {patient: next(iter(splits)) if splits else assign_split(patient, seed, fractions) for patient, splits in given.items()}


def check_no_leakage(members: Iterable[tuple[str, str]]) -> None:
    """Refuse a set in which a patient is in two splits.

    Args:
        members: (patient, split) of every example.

    Raises:
        InterchangeError: A patient is in more than one split.
    """
    seen: dict[str, str] = {}
    for patient, split in members:
        if seen.setdefault(patient, split) != split:
            raise InterchangeError(
                f"Patient {patient} has examples in both {seen[patient]} and {split}, so figures would be too good.",
                "Export the examples again, with one split a patient.",
            )
