"""The Explore workspace: what a checkpoint says about a film, and where it looks, beside where the reader looked."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QFileDialog, QStackedWidget, QVBoxLayout, QWidget

from egma_app import actions, jobs
from egma_app.explore.answers import PROMPTS, READER, Answers
from egma_app.explore.checkpoint_panel import LOADING, CheckpointPanel
from egma_app.explore.films_panel import FilmChoice, FilmsPanel
from egma_app.explore.predictor import PredictorProcess
from egma_app.explore.prompt_box import PromptBox
from egma_app.explore.stage import Stage, split
from egma_app.messages import Banner, Message
from egma_app.settings import Settings
from egma_app.widgets.extras import MissingExtra, is_installed
from egma_app.workspace import Library, Workspace
from egma_core.dicom.image import DicomImage
from egma_core.inference.prediction import Prediction
from egma_core.store.values import Changes, StudyEntry

_DEBOUNCE_MS = 300
_LISTED_TABLES = frozenset({"study", "instance", "reading", "study_label"})


class ExploreWorkspace(Workspace):
    """Chooses a checkpoint and a film, and shows the answers.

    Attributes:
        banner: Where it says what went wrong.
        checkpoints: The checkpoint in use, and others.
        film: The film shown, or None.
        predictor: The process that answers.
    """

    name = "explore"
    title = "Explore"

    def __init__(self, library: Library | None, settings: Settings, parent: QWidget | None = None) -> None:
        """Build the workspace on a library, or on none."""
        super().__init__(settings, parent)
        self.film: FilmChoice | None = None
        self._image: DicomImage | None = None
        self._sentence = ""
        self._file: Path | None = None
        self._reader_chosen = False
        self.answers = Answers()
        self._page = QObject(self)  # owns the job that reads the film now wanted
        self.predictor = PredictorProcess(self)
        self.banner = Banner(self)
        self.checkpoints = CheckpointPanel(settings, self)
        self.films = FilmsPanel(self)
        self.stage = Stage(settings.values, self)
        self.prompts = PromptBox(self)
        self.setAcceptDrops(True)
        self._debounce = QTimer(self, singleShot=True, interval=_DEBOUNCE_MS)
        self._debounce.timeout.connect(self._ask)
        self.actions_by_id = actions.bind(self, self._slots())
        self._lay_out()
        self._connect()
        self.set_library(library)

    def set_library(self, library: Library | None) -> None:
        """Show another library's films; without any library the predictor is let go too."""
        super().set_library(library)
        if library is None:
            self.predictor.close()
        self._show_film(None)
        self._list()

    def library_changed(self, changes: Changes) -> None:
        """List the films again when some were added or read."""
        if changes.tables & _LISTED_TABLES:
            self._list()

    def activated(self) -> None:
        """Take up the checkpoint used last, if none is in use."""
        self.checkpoints.refresh()
        if is_installed("torch") and self.predictor.child is None and not self.banner.isVisibleTo(self):
            self.checkpoints.use_last()
        self._choose_page()

    def open(self, checkpoint: Path | None, film: Path | None) -> None:
        """Use a checkpoint (or a run's best one) and show a film, as the command line asks for."""
        if checkpoint is not None:
            self.checkpoints.use(checkpoint)
        if film is not None:
            self.open_file(film)

    def open_file(self, path: Path) -> None:
        """Show a film by its file: as the library's own where it is that, else without storing anything of it."""
        if self.films.choose_file(path):
            return
        self._file = path  # the list may not have come yet
        self.films.forget_choice()
        self._want_film(FilmChoice.of_file(path))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take a file, or a folder, that is dragged over the workspace."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        """Show a dropped film, or use a dropped checkpoint or run."""
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        event.acceptProposedAction()
        if paths and paths[0].is_dir():
            self.checkpoints.use(paths[0])
        elif paths:
            self.open_file(paths[0])

    def _use_checkpoint(self, checkpoint: Path) -> None:
        self.banner.clear()
        self.answers.forget()
        self.predictor.load(checkpoint)
        self._show_answers()
        self._choose_page()

    # -- the film

    def _want_film(self, choice: FilmChoice) -> None:
        self._page.deleteLater()
        self._page = QObject(self)
        jobs.run(self._page, choice.read, lambda image: self._show_film(choice, image), self._no_film)

    def _no_film(self, error: BaseException) -> None:
        self._show_film(None)
        self.banner.show_error(error)

    def _show_film(self, choice: FilmChoice | None, image: DicomImage | None = None) -> None:
        self.film, self._image = choice, image
        self.answers.forget()
        if choice is not None:
            self.banner.clear()
            self.predictor.show_film(str(choice.path), choice.path)
        self.stage.similarity.show_film(image)
        self.stage.gaze.show_film(self.library, choice, image)
        self._show_answers()
        self._ask()
        self._choose_page()

    def _list(self) -> None:
        library = self.library
        if library is None:
            self.films.show_studies(())
            return

        def listed(studies: list[StudyEntry]) -> None:
            if library is self.library:
                self.films.show_studies(studies)
                if self._file is not None:
                    self.films.choose_file(self._file)
                    self._file = None

        jobs.run(self, library.store.studies, listed, self.banner.show_error)

    # -- questions and answers

    def _ask(self) -> None:
        if self.film is not None:
            self.predictor.ask(PROMPTS, self.prompts.panel.prompts().prompts)
        if not self.prompts.panel.prompts().prompts:
            self.answers.forget(PROMPTS)
            self._show_answers()

    def _reader_said(self, sentences: tuple[str, ...]) -> None:
        self.answers.forget(READER)
        if self.film is not None:
            self.predictor.ask(READER, {"reader": list(dict.fromkeys(s for s in sentences if s.strip()))} if any(sentences) else {})

    def _answered(self, film: str, topic: str, prediction: Prediction) -> None:
        if self.film is None or film != str(self.film.path):
            return
        self.answers.keep(topic, prediction)
        self._show_answers()
        if topic == PROMPTS and self.answers.map_of(self._sentence) is None and not self._reader_chosen:
            self._choose_class(self.answers.best_class())

    def _choose_prompt(self, sentence: str) -> None:
        self._reader_chosen = False
        self._sentence = sentence
        self.stage.scores.bars.choose(self.prompts.panel.class_of(sentence))
        self._show_similarity()

    def _choose_class(self, name: str) -> None:
        sentence = self.prompts.panel.first_sentence_of(name)
        if sentence:
            self.prompts.panel.choose(sentence)
            self._choose_prompt(sentence)

    def _choose_reader_sentence(self, sentence: str) -> None:
        self._reader_chosen = True
        self._sentence = sentence
        self.prompts.panel.forget_choice()
        self.stage.scores.bars.choose("")
        self._show_similarity()

    def _show_answers(self) -> None:
        self.stage.scores.show_prediction(self.answers.about(PROMPTS))
        self.prompts.panel.show_scores(self.answers.scores())
        self._show_similarity()

    def _show_similarity(self) -> None:
        waiting = "" if len(self.answers) else self._waiting_for()
        self.stage.similarity.show_map(self.answers.map_of(self._sentence), self.answers.common_range(), waiting)

    def _waiting_for(self) -> str:
        if self._image is None:
            return ""
        if self.checkpoints.current is None:
            return "Model: no checkpoint is chosen"
        return "Model: looking at the film…" if self.predictor.child is not None else "Model: not running"

    def _died(self, message: Message) -> None:
        self.checkpoints.say("Not running.")
        self.answers.forget()
        self._show_answers()
        self.banner.show_message(message, kind="error", button="Start again")

    def _restart(self) -> None:
        self.banner.clear()
        self.checkpoints.say(LOADING)
        self.predictor.restart()
        self._show_answers()

    # -- building

    def _slots(self) -> dict[str, actions.Slot]:
        return {
            "explore.checkpoint": self.checkpoints.browse,
            "explore.film": self._browse_film,
            "explore.find": self.films.filter.setFocus,
            "explore.add_class": self.prompts.panel.add_class,
            "explore.add_sentence": self.prompts.panel.add_sentence,
            "explore.load_prompts": self.prompts.load,
            "explore.save_prompts": self.prompts.save,
        }

    def _connect(self) -> None:
        self.checkpoints.chosen.connect(self._use_checkpoint)
        self.checkpoints.failed.connect(self.banner.show_error)
        self.films.chosen.connect(self._want_film)
        self.films.file_wanted.connect(self._browse_film)
        self.stage.gaze.chosen.connect(self._choose_reader_sentence)
        self.stage.gaze.said.connect(self._reader_said)
        self.stage.gaze.failed.connect(self.banner.show_error)
        self.stage.scores.chosen.connect(self._choose_class)
        self.prompts.failed.connect(self.banner.show_error)
        self.prompts.panel.changed.connect(self._debounce.start)
        self.prompts.panel.chosen.connect(self._choose_prompt)
        self.predictor.loaded.connect(self.checkpoints.describe)
        self.predictor.answered.connect(self._answered)
        self.predictor.failed.connect(lambda message: self.banner.show_message(message, kind="error"))
        self.predictor.died.connect(self._died)
        self.banner.action_chosen.connect(self._restart)
        self.stage.next_wanted.connect(self._next)

    def _lay_out(self) -> None:
        for name in ("explore.load_prompts", "explore.save_prompts"):
            self.prompts.add_button(self.actions_by_id[name])
        left = QWidget(self)
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 6, 0)
        column.setSpacing(12)
        column.addWidget(self.checkpoints)
        column.addWidget(self.films, 1)
        self._main = split(Qt.Orientation.Horizontal, [left, self.stage, self.prompts], [290, 950, 320])
        for place, stretch in enumerate((0, 1, 0)):
            self._main.setStretchFactor(place, stretch)
        self._no_torch = MissingExtra("Predictions", "torch", "train", self)
        self._stack = QStackedWidget(self)
        self._stack.addWidget(self._main)
        self._stack.addWidget(self._no_torch)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.addWidget(self.banner)
        layout.addWidget(self._stack, 1)

    def _choose_page(self) -> None:
        self._stack.setCurrentWidget(self._main if is_installed("torch") else self._no_torch)
        if self.film is not None:
            self.stage.show_panels()
        elif self.checkpoints.current is None:
            self.stage.say("No checkpoint is chosen", "Choose the folder of a training run, or of one of its checkpoints.", "Choose…")
        else:
            words = "Choose one in the list, drop a DICOM file here, or open one. A file that is opened is shown and never stored."
            self.stage.say("No film is open", words, "Open a film…")

    def _next(self) -> None:
        if self.checkpoints.current is None:
            self.checkpoints.browse()
        else:
            self._browse_film()

    def _browse_film(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open a film", str(Path.home()), "All files (*)")
        if path:
            self.open_file(Path(path))
