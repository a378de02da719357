"""Capture: a worklist, a film, and a recording of what the eyes and the words of its reader do."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QSplitter, QStackedWidget, QVBoxLayout, QWidget

from egma_app import actions, jobs
from egma_app.capture.dialogs import DiscardDialog, confirm_stop
from egma_app.capture.film_panel import FilmPanel
from egma_app.capture.films import StudyFilms
from egma_app.capture.reading_panel import ReadingPanel
from egma_app.capture.recording import Recording
from egma_app.capture.session import SaidSentence, Setup, State
from egma_app.capture.setup import SetupForm
from egma_app.capture.worklist import Worklist
from egma_app.messages import Banner, Message
from egma_app.settings import Settings
from egma_app.workspace import Library, Workspace
from egma_core.errors import EgmaError
from egma_core.store.values import Changes, StudyEntry

_N_FILM_KEYS = 4
_NO_FILMS = "This library has no films yet.\n\nImport a folder of DICOM films, or of pictures, from the Library menu."
_CURTAINS: dict[str, str] = {
    "opening": "Opening the session…",
    "ready": "The film appears when the reading starts.\n\nReturn: start",
    "beginning": "Starting…",
    "ending": "Ending the reading…",
}


class CaptureWorkspace(Workspace):
    """Where films are read.

    Attributes:
        view: The film on the screen.
        films: The chosen study's films.
        recording: The capture process and its session.
        banner: What there is to say.
    """

    name = "capture"
    title = "Capture"

    def __init__(self, library: Library | None, settings: Settings, parent: QWidget | None = None) -> None:
        """Show the worklist of a library."""
        super().__init__(settings, parent)
        self._form_wanted = False
        self._finished = ""
        self._shown_state: State = "closed"
        self.banner = Banner()
        self.worklist = Worklist()
        self.film_panel = FilmPanel(settings.values)
        self.view, self.line = self.film_panel.view, self.film_panel.line
        self.films = StudyFilms(self)
        self.recording = Recording(self.view, self)
        self.session = self.recording.session
        self.setup_form = SetupForm(settings)
        self.actions_by_id = actions.bind(self, self._slots())
        actions.bind(self.view, {"capture.write": self._write_or_start})
        actions.bind(self.line, {"capture.film": self.view.setFocus})
        self.panel = ReadingPanel(self.session, self.actions_by_id)
        self._side = QStackedWidget()
        self._lay_out()
        self._connect()
        self.set_library(library)

    # -- the library

    def set_library(self, library: Library | None) -> None:
        """Show another library's worklist."""
        super().set_library(library)
        self._read_worklist()

    def library_changed(self, changes: Changes) -> None:
        """Refresh the worklist when studies or readings have changed."""
        if changes.tables & {"study", "instance", "reading"}:
            self._read_worklist()

    def activated(self) -> None:
        """Put the keys where they are needed first."""
        (self.view if self.films.study is not None else self.worklist.table).setFocus()

    def showEvent(self, event: QShowEvent) -> None:
        """Look which monitor the window is on."""
        super().showEvent(event)
        self.setup_form.set_monitor(self.screen())

    def _read_worklist(self) -> None:
        if self.library is None:
            self._show_worklist([])
        else:
            jobs.run(self, self.library.store.studies, self._show_worklist, self.banner.show_error)

    def _show_worklist(self, studies: list[StudyEntry]) -> None:
        self.worklist.set_studies(studies)
        if not studies:
            self.films.load(None)
        self.refresh()

    # -- what a person does

    def start(self) -> None:
        """Begin a reading of the chosen study; without a session, ask for one first."""
        study = self.films.study
        if self.session.state == "closed":
            self.setup_form.reader.setFocus()
        elif study is not None and self.films.is_ready:
            self._finished = ""
            self._try(lambda: self.session.begin(study.id))

    def sign_off(self) -> None:
        """Keep what is still being typed, and end the reading as complete."""
        self.line.keep()
        self._try(self.session.sign_off)

    def discard(self) -> None:
        """Ask why, and end the reading as discarded."""
        dialog = DiscardDialog(self)
        dialog.decided.connect(lambda reason: self._try(lambda: self.session.discard(reason)))
        dialog.open()

    def next_study(self) -> None:
        """Choose the next study that has not been read."""
        if not self.worklist.choose_next_unread():
            self._finished = ""
            self.banner.show_message(Message("Every study of this list has been read."), kind="good")
            self.refresh()
        self.view.setFocus()

    def open_session(self, setup: Setup) -> None:
        """Start a capture process with what the person has typed; an open session is ended first."""
        library = self.library
        if library is not None:
            self.banner.clear()
            self._form_wanted = False
            self._try(lambda: self.recording.open(library.location, setup))

    def may_close(self) -> bool:
        """Ask while a reading is being recorded; otherwise, or if so decided, end the session."""
        if self.session.state in ("beginning", "reading", "ending") and not confirm_stop(self):
            return False
        self.recording.close()
        return True

    def _choose(self, study: StudyEntry | None) -> None:
        if self.session.state in ("closed", "ready"):
            self._finished = ""
            self.films.load(study)

    def _write_or_start(self) -> None:
        if self.session.state == "reading":
            self.line.setFocus()
        elif self._finished:
            self.next_study()
        else:
            self.start()

    def _say(self, said: SaidSentence) -> None:
        self._try(lambda: self.session.say(said))

    def _try(self, act: Callable[[], object]) -> None:
        """Do something that may be refused, and show how things stand afterwards."""
        try:
            act()
        except EgmaError as error:
            self.banner.show_error(error)
        self.refresh()

    # -- what the capture process says

    def _on_ended(self, state: str) -> None:
        self._finished = "Signed off." if state == "complete" else "Discarded."

    def _on_recovered(self, n: int) -> None:
        what = "An interrupted reading was recovered." if n == 1 else f"{n} interrupted readings were recovered."
        self.banner.show_message(Message(what, "What was safe of it can be seen in Review."), kind="good")

    def _on_lost(self, words: str, safe: str) -> None:
        remedy = f"The reading is safe up to {safe} and is recovered when the next session opens." if safe else "Open a session again."
        self.banner.show_message(Message(words, remedy), kind="error")

    def _on_wrote(self, changes: Changes) -> None:
        if self.library is not None:
            self.library.announce(changes)

    # -- what is shown

    def refresh(self) -> None:
        """Make everything show the session, the study and the film as they are now."""
        session, films = self.session, self.films
        if self.view.image is not films.image:
            self.view.set_image(films.image)
        caption = self._curtain_caption()
        self.view.set_curtain(bool(caption), caption)
        busy = session.state not in ("closed", "ready")
        self.worklist.setEnabled(not busy)
        self.line.setEnabled(session.state == "reading")
        allowed = {
            "session": not busy and self.library is not None,
            "start": not busy and films.is_ready,
            "next": not busy,
            "search": not busy,
            "sign_off": session.state == "reading",
            "discard": session.state == "reading",
        }
        for name, possible in allowed.items():
            self.actions_by_id[f"capture.{name}"].setEnabled(possible)
        form_shown = session.state == "closed" or (self._form_wanted and session.state == "ready")
        self._side.setCurrentWidget(self.setup_form if form_shown else self.panel)
        self._say_view()
        self.panel.refresh(finished=bool(self._finished))
        if session.state != self._shown_state:
            self._shown_state = session.state
            self.line.forget()
            if session.state in ("ready", "reading"):
                self.view.setFocus()

    def _say_view(self) -> None:
        self.film_panel.say(self.films.caption(), "Looking only, nothing is recorded" if self.session.state == "closed" else "")

    def _curtain_caption(self) -> str:
        """Why the film is hidden; "" while it is shown. The first glance belongs to the recording."""
        session, films = self.session, self.films
        if films.study is None:
            return "No library is open." if self.library is None else "No study is chosen." if self.worklist.count else _NO_FILMS
        if not films.is_ready:
            return "Opening the films…"
        if session.state == "ready" and self._finished:
            return f"{self._finished}\n\nReturn: next study"
        return _CURTAINS.get(session.state, "")

    def _ask_for_setup(self) -> None:
        """Show the form of the session, or put it away again."""
        self._form_wanted = self._side.currentWidget() is not self.setup_form
        self.refresh()
        (self.setup_form.reader if self._side.currentWidget() is self.setup_form else self.view).setFocus()

    # -- building

    def _slots(self) -> dict[str, actions.Slot]:
        return {
            "capture.session": self._ask_for_setup,
            "capture.start": self.start,
            "capture.sign_off": self.sign_off,
            "capture.next": self.next_study,
            "capture.discard": self.discard,
            "capture.search": self.worklist.search.setFocus,
            "capture.next_film": lambda: self.films.show(self.films.shown + 1),
            "capture.previous_film": lambda: self.films.show(self.films.shown - 1),
            **{f"capture.film_{n}": (lambda n=n: self.films.show(n - 1)) for n in range(1, _N_FILM_KEYS + 1)},
        }

    def _connect(self) -> None:
        self.worklist.chosen.connect(self._choose)
        self.worklist.started.connect(self.start)
        self.films.ready.connect(self.refresh)
        self.films.shown_changed.connect(self.refresh)
        self.films.failed.connect(self.banner.show_error)
        self.view.changed.connect(self._say_view)
        self.line.said.connect(self._say)
        self.setup_form.accepted.connect(self.open_session)
        self.recording.changed.connect(self.refresh)
        self.recording.measured.connect(self.panel.quality.refresh)
        self.recording.wrote.connect(self._on_wrote)
        self.recording.ended.connect(self._on_ended)
        self.recording.recovered.connect(self._on_recovered)
        self.recording.complained.connect(self.banner.show_error)
        self.recording.lost.connect(self._on_lost)

    def _lay_out(self) -> None:
        side = QWidget()
        self._side.addWidget(self.setup_form)
        self._side.addWidget(self.panel)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.banner)
        column.addWidget(self._side, 1)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        for widget, width, stretch in ((self.worklist, 290, 0), (self.film_panel, 900, 1), (side, 300, 0)):
            splitter.addWidget(widget)
            splitter.setStretchFactor(splitter.count() - 1, stretch)
            widget.setMinimumWidth(min(width, 240))
        splitter.setSizes([290, 900, 300])
        splitter.setChildrenCollapsible(False)
        splitter.setHandleWidth(10)
        QVBoxLayout(self).addWidget(splitter)
