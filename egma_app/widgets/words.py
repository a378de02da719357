"""Numbers, dates and origins as a person reads them, the same in every workspace."""

from __future__ import annotations

from datetime import datetime

_GAZE = {
    "tracker": "eye tracker",
    "mouse": "mouse standing in for gaze",
    "simulated": "simulated gaze",
    "replay": "gaze replayed from a recording",
}

_TEXT = {
    "dictation": "dictated",
    "typed": "typed",
    "label": "made from labels",
    "simulated": "simulated",
}

_STATES = {
    "recording": "being recorded",
    "complete": "complete",
    "recovered": "recovered after a crash",
    "discarded": "discarded",
    "aborted": "broken off",
}


def gaze_words(origin: str, tracker: str = "") -> str:
    """Where gaze came from; the tracker is named where the origin does not say it already."""
    named = f" ({tracker})" if tracker and tracker != origin else ""
    return f"{_GAZE[origin]}{named}" if origin else "no gaze"


def short_gaze_words(origin: str) -> str:
    """Where gaze came from, for a narrow column."""
    return {"tracker": "eye tracker", "": "none"}.get(origin, origin)


def text_words(origin: str) -> str:
    """Where sentences came from."""
    return _TEXT[origin]


def state_words(state: str) -> str:
    """How a reading stands."""
    return _STATES[state]


def duration_text(seconds: float) -> str:
    """A length of time: `45 s`, `3 min 20 s`, `2 h 05 min`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def date_text(moment: datetime) -> str:
    """A date and time in this computer's time zone, in an order that sorts: `2026-03-09 14:05`."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M}"


def count_text(number: int, one: str, several: str = "") -> str:
    """A number with its noun: `1 film`, `12,000 films`."""
    return f"{number:,} {one if number == 1 else several or one + 's'}"
