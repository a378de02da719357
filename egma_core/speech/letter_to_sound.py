"""A guess at how an English word is said, from its letters alone: for names and terms that no dictionary has.

Forced alignment only needs a pronunciation that is near enough to hold its place between the words around it.
"""

from __future__ import annotations

_RULES: dict[str, str] = {
    # endings and clusters of the language of medicine, longest first by the search below
    "tion": "SH AH N", "sion": "ZH AH N", "cian": "SH AH N", "ture": "CH ER", "ology": "AA L AH JH IY", "ectomy": "EH K T AH M IY",
    "otomy": "AA T AH M IY", "ostomy": "AA S T AH M IY", "itis": "AY T IH S", "osis": "OW S IH S", "emia": "IY M IY AH",
    "aemia": "IY M IY AH", "plasty": "P L AE S T IY", "scopy": "S K AH P IY", "graphy": "G R AH F IY", "graph": "G R AE F",
    "cyte": "S AY T", "phyte": "F AY T", "oid": "OY D", "ous": "AH S", "ious": "IY AH S", "eous": "IY AH S", "ness": "N AH S",
    "pneu": "N UW", "psych": "S AY K", "rhage": "R IH JH", "rrh": "R", "rh": "R", "ps": "P S", "sch": "S K", "xyph": "Z IH F",
    "tch": "CH", "dge": "JH", "igh": "AY", "eigh": "EY", "ough": "AO", "augh": "AO", "ch": "K", "sh": "SH", "th": "TH", "ph": "F",
    "wh": "W", "gh": "G", "ck": "K", "ng": "NG", "nk": "NG K", "qu": "K W", "sc": "S K", "sce": "S", "sci": "S AY", "kn": "N",
    "wr": "R", "gn": "G N", "mb": "M B", "ae": "IY", "oe": "IY", "eu": "Y UW", "oo": "UW", "ee": "IY", "ea": "IY", "ai": "EY",
    "ay": "EY", "ei": "AY", "ey": "IY", "ie": "IY", "oa": "OW", "oi": "OY", "oy": "OY", "ou": "AW", "ow": "OW", "au": "AO",
    "aw": "AO", "ew": "UW", "ue": "UW", "ui": "UW", "ia": "IY AH", "io": "IY OW", "iu": "IY AH", "ar": "AA R", "er": "ER",
    "ir": "ER", "or": "AO R", "ur": "ER", "yr": "IH R", "ce": "S EH", "ci": "S IH", "cy": "S IY", "ge": "JH EH", "gi": "JH IH",
    "gy": "JH IY", "bb": "B", "cc": "K", "dd": "D", "ff": "F", "gg": "G", "ll": "L", "mm": "M", "nn": "N", "pp": "P", "rr": "R",
    "ss": "S", "tt": "T", "zz": "Z", "a": "AE", "b": "B", "c": "K", "d": "D", "e": "EH", "f": "F", "g": "G", "h": "HH", "i": "IH",
    "j": "JH", "k": "K", "l": "L", "m": "M", "n": "N", "o": "AA", "p": "P", "q": "K", "r": "R", "s": "S", "t": "T", "u": "AH",
    "v": "V", "w": "W", "x": "K S", "y": "IH", "z": "Z",
}  # fmt: skip
_AT_THE_START = {"x": "Z", "pn": "N", "ps": "S", "pt": "T", "gn": "N", "y": "Y", "mn": "N"}
_AT_THE_END = {
    "e": "",
    "es": "Z",
    "y": "IY",
    "a": "AH",
    "o": "OW",
    "i": "AY",
    "le": "AH L",
    "ed": "D",
    "ce": "S",
    "ge": "JH",
    "ue": "",
    "que": "K",
}
_LONGEST = max(map(len, _RULES))
_NOTHING = "AH"


def pronounce(word: str) -> str:
    """Phones of ARPAbet, separated by single spaces; never empty.

    Args:
        word: A word in lower case; characters that are no letters of English say nothing.
    """
    phones: list[str] = []
    at = 0
    while at < len(word):
        taken, said = _next(word, at)
        phones += said.split()
        at += taken
    return " ".join(phones) or _NOTHING


def _next(word: str, at: int) -> tuple[int, str]:
    """How many letters the rule at a place takes, and what they say: the longest there is, those of a word's ends first."""
    for n in range(min(_LONGEST, len(word) - at), 0, -1):
        piece = word[at : at + n]
        if at == 0 and n < len(word) and piece in _AT_THE_START:
            return n, _AT_THE_START[piece]
        if at and at + n == len(word) and piece in _AT_THE_END:
            return n, _AT_THE_END[piece]
        if piece in _RULES:
            return n, _RULES[piece]
    return 1, ""
