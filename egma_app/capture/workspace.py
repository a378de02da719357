"""Capture: a worklist, a film, and a recording of what the eyes and the words of its reader do."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QShowEvent
from PySide6.QtWidgets import QSplitter, QStackedWidget, QVBoxLayout, QWidget

from egma_app import actions
from egma_app.capture.cases import Cases
from egma_app.capture.conduct import Conduct
from egma_app.capture.curtain import curtain_caption
from egma_app.capture.dialogs import confirm_stop
from egma_app.capture.film_panel import FilmPanel
from egma_app.capture.films import StudyFilms
from egma_app.capture.notices import Notices
from egma_app.capture.preview_panel import PreviewPanel
from egma_app.capture.reading_panel import ReadingPanel
from egma_app.capture.recovery import Recovery
from egma_app.capture.session import State
from egma_app.capture.setting_up import SettingUp, measure_screen
from egma_app.capture.setup import SetupForm
from egma_app.capture.sitting import Setup
from egma_app.capture.study import Study, set_keys
from egma_app.capture.worklist import Worklist
from egma_app.messages import Banner, Message
from egma_app.settings import Settings
from egma_app.workspace import Library, Workspace
from egma_core.recording.protocol import DisplayRules
from egma_core.store.values import Changes, StudyEntry

_N_FILM_KEYS = 4


class CaptureWorkspace(Workspace):
    """Where films are read.

    Attributes:
        view: The film on the screen.
        films: The chosen study's films.
        conduct: Leads the sitting.
        recording: The capture process and its session.
        recovery: What was saved of interrupted readings.
        banner: What there is to say.
    """

    name = "capture"
    title = "Capture"

    def __init__(self, library: Library | None, settings: Settings, parent: QWidget | None = None) -> None:
        """Show the worklist of a library."""
        super().__init__(settings, parent)
        self._form_wanted = False
        self._shown_state: State = "closed"
        self._study: Study | None = None
        self.banner = Banner()
        self.worklist = Worklist()
        self.film_panel = FilmPanel(settings.values)
        self.view, self.line = self.film_panel.view, self.film_panel.line
        self.films = StudyFilms(self)
        self.conduct = Conduct(self.film_panel, settings, self)
        self.recording, self.session = self.conduct.recording, self.conduct.session
        self.film_panel.follow(self.recording, settings, self.conduct.dictation)
        self.recovery = Recovery(self)
        self._cases = Cases(self)
        self.setting_up = SettingUp(self.conduct, settings, self)
        self.setup_form = SetupForm(settings)
        self.preview = PreviewPanel(self.recording, library)
        self.actions_by_id = actions.bind(self, self._slots())
        actions.bind(self.view, {"capture.write": self._write_or_start})
        actions.bind(self.line, {"capture.film": self.view.setFocus})
        self.panel = ReadingPanel(self.conduct, self.preview, self.actions_by_id)
        self._notices = Notices(self.recording, self.banner, self)
        self._side = QStackedWidget()
        self._lay_out()
        self._connect()
        self.set_library(library)

    # -- the library

    def set_library(self, library: Library | None) -> None:
        """Show another library's worklist, and what was interrupted in it."""
        super().set_library(library)
        self.conduct.set_library(library)
        self.preview.set_library(library)
        self.setup_form.set_folder(library.store.files if library is not None else None)
        self.recovery.set_library(library)
        self._read_worklist()

    def library_changed(self, changes: Changes) -> None:
        """Refresh the worklist when studies or readings have changed."""
        if changes.tables & {"study", "instance", "reading"}:
            self._read_worklist()

    def activated(self) -> None:
        """Put the keys where they are needed first."""
        (self.view if self.films.study is not None else self.worklist.table).setFocus()

    def confines(self) -> str:
        """Why the other workspaces are closed: a blinded sitting is open."""
        study = self.conduct.study
        return study.confinement if study is not None else ""

    def showEvent(self, event: QShowEvent) -> None:
        """Look which monitor the window is on."""
        super().showEvent(event)
        self.conduct.watch.follow()

    def _read_worklist(self) -> None:
        setup = self.session.setup
        self._cases.read(self.library, self.conduct.study, setup.reader if setup is not None else "")

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
            self.conduct.begin(study.id)

    def next_study(self) -> None:
        """Choose the next study that has not been read."""
        if not self.worklist.choose_next_unread():
            self.conduct.finished = ""
            self.banner.show_message(Message("Every study of this list has been read."), kind="good")
            self.refresh()
        self.view.setFocus()

    def may_close(self) -> bool:
        """Ask while a reading is being recorded; otherwise, or if so decided, end the session."""
        if self.session.state in ("beginning", "reading", "ending") and not confirm_stop(self):
            return False
        self.setup_form.search.close()
        self.conduct.close()
        return True

    def _choose(self, study: StudyEntry | None) -> None:
        if self.session.state in ("closed", "ready"):
            self.conduct.finished = ""
            self.films.load(study)

    def _write_or_start(self) -> None:
        if self.session.state == "reading":
            self.line.setFocus()
        elif self.conduct.finished:
            self.next_study()
        else:
            self.start()

    def _ask_for_setup(self) -> None:
        """Show the form of the session, or put it away again."""
        self._form_wanted = self._side.currentWidget() is not self.setup_form
        self.refresh()
        (self.setup_form.reader if self._side.currentWidget() is self.setup_form else self.view).setFocus()

    # -- what happens

    def _on_wrote(self, changes: Changes) -> None:
        if self.library is not None:
            self.library.announce(changes)

    def _on_ended(self) -> None:
        if self.library is not None:
            self.panel.sentences.save(self.library)

    def _say(self, message: Message, kind: str, button: str) -> None:
        self.banner.show_message(message, kind=kind, button=button)

    def _banner_pressed(self) -> None:
        self.banner.clear()
        self.conduct.use_display()

    def _open(self, setup: Setup) -> None:
        self.banner.clear()
        self._form_wanted = False
        self.setup_form.search.close()
        self.conduct.open(setup)

    # -- what is shown

    def refresh(self) -> None:
        """Make everything show the session, the study and the film as they are now."""
        session, films = self.session, self.films
        if self.conduct.study is not self._study:
            self._keep_to(self.conduct.study)
        if self.view.image is not films.image:
            self.view.set_image(films.image)
        has = {"has_library": self.library is not None, "has_studies": bool(self.worklist.count)}
        caption = curtain_caption(self.conduct, films, **has)
        self.view.set_curtain(bool(caption), caption)
        busy = session.state not in ("closed", "ready")
        self.worklist.setEnabled(not busy)
        self.recovery.set_busy(busy or bool(self.confines()))
        self.line.setEnabled(session.state == "reading")
        possible = self.conduct.possible(films_ready=films.is_ready)
        for name, allowed in {**possible, "recovered": bool(self.recovery.found) and not busy and not self.confines()}.items():
            self.actions_by_id[f"capture.{name}"].setEnabled(allowed)
        form_shown = session.state == "closed" or (self._form_wanted and session.state == "ready")
        self._side.setCurrentWidget(self.setup_form if form_shown else self.panel)
        self._say_view()
        self.panel.refresh()
        if session.state != self._shown_state:
            self._shown_state = session.state
            self.line.forget()
            if session.state in ("ready", "reading"):
                self.view.setFocus()

    def _keep_to(self, study: Study | None) -> None:
        """Another protocol holds, or none: its keys, its cases."""
        self._study = study
        set_keys(self.findChildren(QAction), study.protocol.keys if study is not None else {})
        display = study.protocol.display if study is not None else DisplayRules()
        self.view.allow(zoom=display.zoom, windowing=display.windowing)
        self._read_worklist()

    def _say_view(self) -> None:
        self.film_panel.say(self.films.caption(), "Looking only, nothing is recorded" if self.session.state == "closed" else "")

    # -- building

    def _slots(self) -> dict[str, actions.Slot]:
        return {
            "capture.session": self._ask_for_setup,
            "capture.end_session": self.conduct.end,
            "capture.calibrate": self.setting_up.calibrate,
            "capture.drift": self.setting_up.check_drift,
            "capture.start": self.start,
            "capture.talk": self.conduct.dictation.talk,
            "capture.preview": self.preview.toggle,
            "capture.sign_off": self.conduct.sign_off,
            "capture.next": self.next_study,
            "capture.discard": self.conduct.discard,
            "capture.recovered": self.recovery.show,
            "capture.search": self.worklist.search.setFocus,
            "capture.next_film": lambda: self.films.show(self.films.shown + 1),
            "capture.previous_film": lambda: self.films.show(self.films.shown - 1),
            **{f"capture.film_{n}": (lambda n=n: self.films.show(n - 1)) for n in range(1, _N_FILM_KEYS + 1)},
        }

    def _connect(self) -> None:
        self._cases.listed.connect(self._show_worklist)
        self._cases.said.connect(self.banner.show_message)
        self._cases.failed.connect(self.banner.show_error)
        self.worklist.chosen.connect(self._choose)
        self.worklist.started.connect(self.start)
        self.films.ready.connect(self.refresh)
        self.films.shown_changed.connect(self.refresh)
        self.films.failed.connect(self.banner.show_error)
        self.view.changed.connect(self._say_view)
        self.setup_form.accepted.connect(self._open)
        self.setup_form.sizes.card.clicked.connect(lambda: measure_screen(self.setup_form.sizes, self))
        self.conduct.watch.screen_changed.connect(self.setup_form.set_monitor)
        self.banner.action_chosen.connect(self._banner_pressed)
        self.recovery.failed.connect(self.banner.show_error)
        self.recovery.inspect_wanted.connect(self.review_wanted)
        self.conduct.changed.connect(self.refresh)
        self.conduct.said.connect(self._say)
        self.conduct.failed.connect(self.banner.show_error)
        self.conduct.lost.connect(self.recovery.bring_back)
        self.conduct.lost.connect(self._on_ended)  # after it: what was edited stands beside what was brought back
        self.recording.measured.connect(self.panel.quality.refresh)
        self.recording.wrote.connect(self._on_wrote)
        self.recording.recovered.connect(self.recovery.look)
        self.recording.ended.connect(self._on_ended)
        self.panel.sentences.settled.connect(self.conduct.dictation.align)
        self.panel.sentences.failed.connect(self.banner.show_error)
        self.preview.failed.connect(self.banner.show_error)

    def _lay_out(self) -> None:
        side = QWidget()
        self._side.addWidget(self.setup_form)
        self._side.addWidget(self.panel)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.banner)
        column.addWidget(self.recovery.banner)
        column.addWidget(self._side, 1)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        for widget, width, stretch in ((self.worklist, 290, 0), (self.film_panel, 900, 1), (side, 320, 0)):
            splitter.addWidget(widget)
            splitter.setStretchFactor(splitter.count() - 1, stretch)
            widget.setMinimumWidth(min(width, 240))
        splitter.setSizes([290, 900, 320])
        splitter.setChildrenCollapsible(False)
        splitter.setHandleWidth(10)
        QVBoxLayout(self).addWidget(splitter)
