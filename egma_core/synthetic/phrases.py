"""What simulated readers say: two readers who share their words but never a sentence.

Reader A speaks for training patients, reader B for all others. Every word of B is one of A's, and no sentence of one is a sentence
of the other, so that nothing measured on B's patients rests on a sentence seen in training.
"""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import Literal

import numpy as np

from egma_core.synthetic.anatomy import Side
from egma_core.synthetic.findings import FINDINGS, SEVERITIES, Finding, FindingName, Zone, possible_places

ReaderName = Literal["A", "B"]

_NOUNS: dict[FindingName, tuple[str, ...]] = {
    "pleural effusion": ("a {size} pleural effusion", "a {size} effusion", "{size} pleural fluid"),
    "pneumothorax": ("a {size} pneumothorax", "a {size} apical pneumothorax", "{size} pleural air"),
    "cardiomegaly": ("{grade} cardiomegaly", "{grade} cardiac enlargement"),
    "consolidation": ("a {size} consolidation", "{size} airspace opacity", "a {size} airspace consolidation"),
    "nodule": ("a {size} nodule", "a {size} round nodule"),
    "atelectasis": ("{grade} atelectasis", "{grade} linear atelectasis", "{grade} platelike atelectasis"),
    "edema": ("{grade} edema", "{grade} pulmonary edema", "{grade} interstitial edema"),
    "hilar enlargement": ("{grade} hilar enlargement", "a {size} hilar mass"),
}
"""Each finding's names."""

_PLACES: dict[Zone, str] = {
    "upper": "in the {side} upper zone",
    "mid": "in the {side} mid zone",
    "lower": "in the {side} lower zone",
    "hilum": "on the {side}",
    "heart": "",
    "lungs": "in both lungs",
}
_OWN_PLACES: dict[FindingName, str] = {"pleural effusion": "at the {side} base", "pneumothorax": "at the {side} apex"}

PLACE_WORDS = frozenset({"left", "right", "upper", "mid", "lower", "zone", "base", "apex", "apical", "both", "lungs"})
"""Words that tell where a finding lies. Names of organs (hilum, heart, pleural) are part of a finding's own name."""

_LOCATED: dict[ReaderName, tuple[str, ...]] = {
    "A": ("there is {noun} {place}", "{noun} is seen {place}", "I see {noun} {place}"),
    "B": ("{place} there is {noun}", "{place} I see {noun}", "{noun} is present {place}"),
}
_UNLOCATED: dict[ReaderName, tuple[str, ...]] = {"A": ("there is {noun}", "{noun} is present"), "B": ("I see {noun}", "{noun} is seen")}
_ABSENT: dict[ReaderName, tuple[str, ...]] = {
    "A": ("no {noun}", "there is no {noun}", "no {noun} is seen"),
    "B": ("I see no {noun}", "no {noun} is present"),
}
_SPECIAL: dict[ReaderName, dict[FindingName, tuple[str, ...]]] = {
    "A": {
        "cardiomegaly": ("the heart is {adverb} enlarged", "the heart shadow is {adverb} enlarged"),
        "hilar enlargement": ("the {side} hilum is {adverb} enlarged",),
    },
    "B": {
        "cardiomegaly": ("the cardiac shadow is {adverb} enlarged",),
        "hilar enlargement": ("I see the {side} hilum {adverb} enlarged",),
    },
}
"""Sentences of their own for findings that are a change of an organ's size."""
_NORMAL: dict[ReaderName, dict[FindingName, tuple[str, ...]]] = {
    "A": {
        "cardiomegaly": ("the heart size is normal", "the cardiac size is normal"),
        "hilar enlargement": ("the right and left hilum are normal",),
    },
    "B": {"cardiomegaly": ("the heart shadow is normal",), "hilar enlargement": ("the left and right hilum are normal",)},
}

_SIZES: dict[int, str] = dict(zip(SEVERITIES, ("small", "moderate", "large"), strict=True))
_GRADES: dict[int, str] = dict(zip(SEVERITIES, ("mild", "moderate", "severe"), strict=True))
_ADVERBS: dict[int, str] = dict(zip(SEVERITIES, ("mildly", "moderately", "severely"), strict=True))


def say(finding: Finding, reader: ReaderName, rng: np.random.Generator, *, located: bool, graded: bool) -> str:
    """A sentence that names the finding.

    Args:
        finding: What to name.
        reader: Who speaks.
        rng: Chooses the wording.
        located: Say where it is.
        graded: Say how large or severe it is.
    """
    forms = _present(finding.name, finding.zone, reader, located)
    return _spoken(forms[int(rng.integers(len(forms)))], finding.side, finding.severity if graded else None)


def deny(name: FindingName, reader: ReaderName, rng: np.random.Generator) -> str:
    """A sentence that says the finding is absent."""
    forms = _denials(name, reader)
    return _spoken(forms[int(rng.integers(len(forms)))], None, None)


def names_place(sentence: str) -> bool:
    """Whether a sentence has a word that tells where to look (`PLACE_WORDS`)."""
    return not PLACE_WORDS.isdisjoint(sentence.lower().rstrip(".").split())


@cache
def sayings(reader: ReaderName) -> frozenset[str]:
    """Every sentence that the reader can say."""
    every = {_spoken(form, None, None) for name in FINDINGS for form in _denials(name, reader)}
    for name, located, severity in product(FINDINGS, (True, False), (None, *SEVERITIES)):
        for side, zone in possible_places(name):
            every.update(_spoken(form, side, severity) for form in _present(name, zone, reader, located))
    return frozenset(every)


def _present(name: FindingName, zone: Zone, reader: ReaderName, located: bool) -> list[str]:
    """Forms of sentences that name a finding; sentences with a side count as located."""
    place = _OWN_PLACES.get(name, _PLACES[zone])
    frames = _LOCATED[reader] if located and place else _UNLOCATED[reader]
    forms = [frame.format(noun=noun, place=place) for frame in frames for noun in _NOUNS[name]]
    special = _SPECIAL[reader].get(name, ())
    return forms + [form for form in special if located or "{side}" not in form]


def _denials(name: FindingName, reader: ReaderName) -> list[str]:
    nouns = [noun.removeprefix("a ") for noun in _NOUNS[name]]
    return [frame.format(noun=noun) for frame in _ABSENT[reader] for noun in nouns] + list(_NORMAL[reader].get(name, ()))


def _spoken(form: str, side: Side | None, severity: int | None) -> str:
    """Fill a form in and make it a sentence."""
    grades = {"size": _SIZES, "grade": _GRADES, "adverb": _ADVERBS}
    words = form.format(side=side or "", **{slot: table[severity] if severity else "" for slot, table in grades.items()}).split()
    for index, word in enumerate(words[:-1]):
        if word == "a" and words[index + 1][0] in "aeiou":
            words[index] = "an"
    text = " ".join(words)
    return f"{text[0].upper()}{text[1:]}."
