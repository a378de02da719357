"""Pronunciations of words that general dictionaries lack, in the phones of ARPAbet without stress."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from egma_core.assets import resource
from egma_core.errors import SpeechError

PHONES = frozenset(
    "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH".split()  # noqa: SIM905 - a table
)
"""The 39 phones of ARPAbet as the CMU Pronouncing Dictionary uses them."""

_ENTRY = re.compile(r"([^\s()]+)(?:\((\d+)\))?\s+([A-Z ]+)")


@dataclass(frozen=True, eq=False)
class Lexicon:
    """Words and how they are said.

    Attributes:
        pronunciations: For each word in lower case its pronunciations, the usual one first; phones are separated by single spaces.
    """

    pronunciations: Mapping[str, tuple[str, ...]]

    @classmethod
    def read(cls, path: Path) -> Lexicon:
        """Read a dictionary in the format of CMU's: a line `word PH PH PH` each, `word(2) ...` for another way, `;;;` for comments.

        Raises:
            SpeechError: It cannot be read, or a line is not of that form; the message says which.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SpeechError(f"The word list {path.name} cannot be read.", "Check its place and that it is UTF-8 text.") from error
        found: dict[str, list[str]] = {}
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith(";;;"):
                continue
            entry = _ENTRY.fullmatch(line.strip())
            phones = entry[3].split() if entry else []
            known = found.get(entry[1], []) if entry else []
            if entry is None or not phones or not PHONES.issuperset(phones) or int(entry[2] or 1) != len(known) + 1:
                raise SpeechError(
                    f"Line {number} of the word list {path.name} is not a word with its phones.", f"Phones: {', '.join(sorted(PHONES))}."
                )
            found.setdefault(entry[1], []).append(" ".join(phones))
        return cls({word: tuple(ways) for word, ways in found.items()})


@functools.cache
def radiology() -> Lexicon:
    """The program's own list of words of chest radiology."""
    return Lexicon.read(resource("lexicon", "radiology.dict"))
