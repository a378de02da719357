"""Words in a report that may tell who somebody is: names, dates and numbers, each with the reason why it was picked out.

Rules, not a model: the same text gives the same answer everywhere, and a person can follow each one. They would rather
pick out too much than too little, and still find only what is written in a way that they know: a name that is dictated
in lower case without a title ("thompson was told") passes. They are made for English. A person has the last word.

Source: the identifiers of the HIPAA Safe Harbor rule, 45 CFR 164.514(b)(2), as far as they occur in spoken reports.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Literal

from egma_core.assets import resource

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Kind = Literal["name", "date", "number", "contact"]


@dataclass(frozen=True)
class Suspicion:
    """A stretch of a text that may tell who somebody is.

    Attributes:
        kind: What it may be.
        start: Index of its first character.
        end: Index behind its last one.
        reason: Why it was picked out, in words that do not repeat it.
    """

    kind: Kind
    start: int
    end: int
    reason: str


def suspicions(text: str) -> tuple[Suspicion, ...]:
    """What in a text may tell who somebody is, in the order of the text, without overlaps."""
    found = sorted((*_by_pattern(text), *_capitals(text)), key=lambda s: (s.start, s.start - s.end))
    kept: list[Suspicion] = []
    for suspicion in found:
        if not kept or suspicion.start >= kept[-1].end:
            kept.append(suspicion)
    return tuple(kept)


@dataclass(frozen=True)
class _Rule:
    """A pattern; its group `it`, or all of it, is what is picked out."""

    kind: Kind
    reason: str
    pattern: re.Pattern[str]


@dataclass(frozen=True)
class _Language:
    """The words of a language, and the rules made of them."""

    rules: tuple[_Rule, ...]
    familiar: frozenset[str]


def _by_pattern(text: str) -> Iterator[Suspicion]:
    for rule in _english().rules:
        for match in rule.pattern.finditer(text):
            start, end = match.span("it" if "it" in rule.pattern.groupindex else 0)
            yield Suspicion(rule.kind, start, end, rule.reason)


_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_BEFORE_A_START = re.compile(r"(?:^|[.!?:;\n\r•(\"“]|(?:^|\s)[-–*]|\d[.)])\s*$")


def _capitals(text: str) -> Iterator[Suspicion]:
    """Words with a capital in the middle of a sentence that no report has, neighbours together."""
    familiar = _english().familiar
    run: list[re.Match[str]] = []
    opening: re.Match[str] | None = None
    for word in _WORD.finditer(text):
        strange = _is_capitalised(word[0]) and not _is_familiar(word[0], familiar)
        starts = bool(_BEFORE_A_START.search(text, 0, word.start()))
        joined = bool(run) and text[run[-1].end() : word.start()] in (" ", ", ", ". ", " . ", "-")
        if run and not (strange and joined):
            yield _name(run)
            run = []
        if strange and not starts:
            if opening is not None and text[opening.end() : word.start()] in (" ", ", "):
                run.append(opening)
            run.append(word)
        opening = word if strange and starts else None
    if run:
        yield _name(run)


def _name(run: list[re.Match[str]]) -> Suspicion:
    return Suspicion("name", run[0].start(), run[-1].end(), "a capital letter within the sentence, on a word that reports do not have")


def _is_capitalised(word: str) -> bool:
    """Whether it looks like a name: a capital first, and more than an abbreviation."""
    return len(word) > 1 and word[0].isupper() and any(letter.islower() for letter in word[1:])


def _is_familiar(word: str, familiar: frozenset[str]) -> bool:
    """Whether each part of it is a word that reports have: `Swan-Ganz`, `Kerley's`."""
    plain = re.sub(r"['’]s?$", "", word.lower())
    return plain in familiar or all(part in familiar for part in plain.split("-"))


@cache
def _english() -> _Language:
    words: dict[str, list[str]] = tomllib.loads(resource("identifying", "english.toml").read_text(encoding="utf-8"))
    listed = {name: "|".join(re.escape(word) for word in sorted(found, key=len, reverse=True)) for name, found in words.items()}
    familiar = frozenset(word for name in ("titles", "offices", "eponyms", "capitalised") for word in words[name])
    return _Language((*_dates(listed), *_numbers(listed), *_contacts(), *_names(listed)), familiar)


def _dates(listed: dict[str, str]) -> Iterator[_Rule]:
    month = rf"(?:\b(?i:{listed['months']})\b\.?|\bMay\b)"  # "5 may be" is no date
    day = rf"(?:\b\d{{1,2}}(?:st|nd|rd|th)?\b|\b(?i:{listed['ordinals']})\b)"
    year = r"\b(?:19|20)\d\d\b"
    reason = "a date; a year alone would do"
    yield _Rule("date", reason, re.compile(r"\b\d{4}[-/.]\d{1,2}[-/.]\d{1,2}\b|\b\d{1,2}([-/.])\d{1,2}\1(?:\d{4}|\d{2})\b"))
    yield _Rule("date", reason, re.compile(rf"{day}\s+(?i:of\s+)?{month}(?:,?\s+{year})?"))
    yield _Rule("date", reason, re.compile(rf"{month}\s+(?i:the\s+)?{day}(?:,?\s+{year})?(?!\s*(?i:mm|cm|%|mg|ml)\b)"))
    yield _Rule("date", reason, re.compile(rf"(?:{month}|\b(?i:may)\b),?\s+(?i:of\s+)?{year}"))
    yield _Rule("date", "a date of birth", re.compile(r"\b(?i:d\.?o\.?b\b|date of birth|born (?:on|in))\W*(?P<it>[\w./-]*\d[\w./-]*)"))


def _numbers(listed: dict[str, str]) -> Iterator[_Rule]:
    digit = rf"(?:{listed['digits']})"
    yield _Rule(
        "contact",
        "a telephone number",
        re.compile(r"(?<![\w.])(?:\+\d[\d ().-]{6,}\d|\(?\d{3,5}\)?(?:[ .-]\d{2,5}){2,}|\d{3}-\d{4})(?!\w)"),
    )
    yield _Rule("number", "a long number, such as those that records go by", re.compile(r"(?<![\d.])\d{5,}(?!\d)"))
    yield _Rule("number", "letters and digits, such as those that records go by", re.compile(r"\b(?=[A-Za-z])[A-Za-z]{1,5}[-_]?\d{4,}\w*"))
    cue = rf"\b(?i:{listed['number_cues']})\b(?:\s+(?i:number|no|is))*\W{{0,3}}(?P<it>\w*\d[\w-]*)"
    yield _Rule("number", "a number that the words before it tie to somebody", re.compile(cue))
    yield _Rule("number", "digits dictated one by one", re.compile(rf"\b(?i:{digit})(?:[\s-]+(?i:{digit})){{4,}}\b"))
    old = r"(?P<it>9\d|1[0-2]\d)"
    yield _Rule("number", "an age above 89", re.compile(rf"\b{old}(?=[\s-]*(?i:years?[\s-]+old|y/?o\b|yo\b|yrs?\b))"))
    yield _Rule("number", "an age above 89", re.compile(rf"(?i:\baged\s+){old}\b"))


def _contacts() -> Iterator[_Rule]:
    yield _Rule("contact", "an address on the net", re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+|\b(?:https?://|www\.)\S+"))


def _names(listed: dict[str, str]) -> Iterator[_Rule]:
    word = r"[^\W\d_][\w'’-]*"
    others = rf"(?!(?i:{listed['not_names']})\b)"
    more = r"(?:\s+[A-Z][\w'’-]+)*"
    yield _Rule("name", "a word behind a title", re.compile(rf"\b(?i:{listed['titles']})\b\.?\s+(?P<it>{others}{word}{more})"))
    capital = rf"(?P<it>{others}[A-Z][a-z'’][\w'’-]*{more})"
    yield _Rule("name", "a capitalised word behind an office or a relation", re.compile(rf"\b(?i:{listed['offices']})\b,?\s+{capital}"))
    yield _Rule(
        "name",
        "what the text itself calls a name",
        re.compile(rf"\b(?i:(?:sur)?name(?:\s+is|\s+of\s+\w+\s+is|:)|named)\s+(?P<it>{others}{word}{more})"),
    )
    yield _Rule("name", "a name as DICOM writes it", re.compile(r"\b[^\W\d_]+\^[^\W\d_]+(?:\^[^\W\d_]*)*"))
