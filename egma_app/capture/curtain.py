"""What the curtain before the film says: why there is nothing to see, and what to do about it."""

from __future__ import annotations

from egma_app.capture.conduct import Conduct
from egma_app.capture.films import StudyFilms

_NO_FILMS = "This library has no films yet.\n\nImport a folder of DICOM films, or of pictures, from the Library menu."
_WHILE: dict[str, str] = {
    "opening": "Opening the session…",
    "ready": "The film appears when the reading starts.\n\nReturn: start",
    "beginning": "Starting…",
    "ending": "Ending the reading…",
}


def curtain_caption(conduct: Conduct, films: StudyFilms, *, has_library: bool, has_studies: bool) -> str:
    """Why the film is hidden; "" while it is shown. The first glance belongs to the recording."""
    state = conduct.session.state
    if films.study is None:
        return "No library is open." if not has_library else "No study is chosen." if has_studies else _NO_FILMS
    if not films.is_ready:
        return "Opening the films…"
    if state in ("ready", "reading") and conduct.obstacle:
        return conduct.obstacle
    if state == "ready" and conduct.finished:
        return f"{conduct.finished}\n\nReturn: next study"
    return _WHILE.get(state, "")
