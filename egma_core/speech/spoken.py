"""How a written text is said: its tokens, and for each the words that a voice makes of it (3 cm: three centimeters)."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_PIECE = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)*|[%+&×=]")
_ORDINAL = re.compile(r"(\d+)(st|nd|rd|th)\b")
_SIGNS = {"%": "percent", "+": "plus", "&": "and", "×": "by", "=": "equals"}
_SHORT = {
    "cm": "centimeters",
    "mm": "millimeters",
    "ml": "milliliters",
    "mg": "milligrams",
    "kg": "kilograms",
    "mr": "mister",
    "mrs": "missus",
    "ms": "miz",
    "dr": "doctor",
    "vs": "versus",
    "approx": "approximately",
    "yr": "year",
    "yrs": "years",
    "hrs": "hours",
}
_SAID_AS_WORDS = frozenset({"picc", "cpap", "bipap", "ecmo", "aids", "sars", "stat", "tips"})
_SPELLED = frozenset(
    {"ap", "pa", "ct", "mri", "ecg", "ekg", "icd", "copd", "tb", "iv", "icu", "ng", "ett", "cxr", "ivc", "svc", "cabg", "uip", "ild"}
)
_SPELLED_SHORT = 4
_UNITS = [
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    *("ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"),
]
_TENS = ["zero", "ten", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}


@dataclass(frozen=True)
class Token:
    """A written word.

    Attributes:
        text: As it is written, with the punctuation that hangs on it.
        spoken: The words that are said for it, in lower case; a letter that is spelled is written with a full stop (`p.`).
            Empty where nothing is said, as for a dash.
    """

    text: str
    spoken: tuple[str, ...]


def tokens(text: str) -> tuple[Token, ...]:
    """The tokens of a text, cut at white space, and how an English voice says them.

    Numbers up to millions are said as radiologists say them (2.5: two point five; 2024: twenty twenty four), units and common
    abbreviations in full, short words in capitals letter by letter unless they are known to be said as words or all is in capitals.
    """
    written = text.split()
    shouted = not any(character.islower() for character in text)
    return tuple(Token(token, _said(token, shouted)) for token in written)


def bare(token: Token) -> str:
    """A token without the punctuation around it."""
    return token.text.strip(".,;:!?()[]\"'“”‘’«»…") or token.text


def _said(token: str, shouted: bool) -> tuple[str, ...]:
    plain = unicodedata.normalize("NFKC", token).replace("\u2019", "'")
    plain = _ORDINAL.sub(lambda match: _ordinal(int(match[1])), plain)
    said: list[str] = []
    for piece in _PIECE.findall(plain):
        if piece in _SIGNS:
            said.append(_SIGNS[piece])
        elif piece[0].isdigit():
            said += _number(piece)
        else:
            said += _word(piece, shouted)
    return tuple(said)


def _word(piece: str, shouted: bool) -> list[str]:
    bare = "".join(c for c in unicodedata.normalize("NFKD", piece) if not unicodedata.combining(c))
    low = bare.lower()
    if low == "x":
        return ["by"] if piece == "x" else ["x."]
    if low in _SHORT:
        return [_SHORT[low]]
    capitals = bare.isupper() and 1 < len(bare) <= _SPELLED_SHORT and low not in _SAID_AS_WORDS
    if (capitals and not shouted) or (bare.isupper() and low in _SPELLED) or (len(bare) == 1 and low not in ("a", "i")):
        return [f"{letter}." for letter in low]
    return [low]


def _number(piece: str) -> list[str]:
    whole, point, fraction = piece.replace(",", "").partition(".")
    if "." in fraction:  # a date or a version: each part by itself
        return [word for part in piece.split(".") for word in _number(part)]
    said = (
        _cardinal(int(whole), year="," not in piece)
        if len(whole) < 10 and (whole == "0" or whole[0] != "0")
        else [_UNITS[int(digit)] for digit in whole]
    )
    return [*said, "point", *(_UNITS[int(digit)] for digit in fraction)] if point else said


def _cardinal(n: int, *, year: bool = True) -> list[str]:
    """The words of a number; `year`: such as years have are said as years are."""
    if n < 20:
        return [_UNITS[n]]
    if n < 100:
        return [_TENS[n // 10], *([_UNITS[n % 10]] if n % 10 else [])]
    if year and 1100 <= n < 2100 and not 2000 <= n < 2010 and n % 100:
        return [*_cardinal(n // 100), *(_cardinal(n % 100) if n % 100 > 9 else ["oh", _UNITS[n % 100]])]
    for size, name in ((1_000_000, "million"), (1000, "thousand"), (100, "hundred")):
        if n >= size:
            return [*_cardinal(n // size), name, *(_cardinal(n % size) if n % size else [])]
    raise AssertionError(n)


def _ordinal(n: int) -> str:
    *before, last = _cardinal(n)
    if last not in _ORDINALS:
        last = f"{last[:-1]}ie" if last.endswith("y") else last
    return " ".join([*before, _ORDINALS.get(last, f"{last}th")])
