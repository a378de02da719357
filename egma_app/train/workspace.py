"""The Train workspace: examples, settings and folder on the left; the run as it goes on the right."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QAction, QPalette
from PySide6.QtWidgets import QFrame, QHBoxLayout, QMessageBox, QPushButton, QSplitter, QStackedWidget, QVBoxLayout, QWidget

from egma_app import actions, jobs
from egma_app.messages import Banner, Message
from egma_app.settings import Settings
from egma_app.train.data_set import Origins, export
from egma_app.train.examples_panel import ExamplesPanel
from egma_app.train.monitor import RunMonitor
from egma_app.train.run import CONFIG, MANIFEST, TrainingRun
from egma_app.train.run_form import RunForm, free_run_folder
from egma_app.widgets.empty import EmptyState
from egma_app.widgets.extras import MissingExtra, is_installed
from egma_app.workspace import Library, Workspace
from egma_core.errors import ConfigError
from egma_core.store.store import Store
from egma_core.store.values import Changes
from egma_core.training.config import TrainingConfig, save_config

_COUNTED_TABLES = frozenset({"reading", "study", "instance", "sentence", "report_sentence", "study_label"})
_STALE_MS = 600


class TrainWorkspace(Workspace):
    """Trains a model on the library's readings, in a child process.

    Attributes:
        banner: Where it says what went wrong or well.
        examples: The data set.
        run_form: The settings.
        monitor: The run.
    """

    name = "train"
    title = "Train"

    def __init__(self, library: Library | None, settings: Settings, parent: QWidget | None = None) -> None:
        """Build the workspace on a library, or on none."""
        super().__init__(settings, parent)
        self.run: TrainingRun | None = None
        self._preparing = False
        self._stopping = False
        self._stale = True
        self._explorable: Path | None = None
        self.banner = Banner(self)
        self.examples = ExamplesPanel(self)
        self.run_form = RunForm(self)
        self.monitor = RunMonitor(self)
        self._no_run = EmptyState(
            "No run yet",
            "Check the examples and the settings on the left, then start. Training goes on while you work elsewhere.",
            parent=self,
        )
        self._empty = EmptyState(parent=self)
        self.actions_by_id = actions.bind(self, {"train.start": self.start, "train.stop": self.stop, "train.explore": self._explore})
        self._lay_out()
        self._recount = QTimer(self, singleShot=True, interval=_STALE_MS)
        self._recount.timeout.connect(self._count)
        self.examples.changed.connect(self._enable)
        self._enable()
        self.set_library(library)

    def set_library(self, library: Library | None) -> None:
        """Train on another library from now on; a run in progress goes on with its own examples."""
        super().set_library(library)
        self._stale = True
        self.examples.show_library(None)
        if library is not None:
            self.run_form.set_folder(free_run_folder(_runs_of(library)))
        self._choose_page()
        if self.isVisible():
            self._count()

    def library_changed(self, changes: Changes) -> None:
        """Count again when readings or films have changed."""
        if changes.tables & _COUNTED_TABLES:
            self._stale = True
            if self.isVisible():
                self._recount.start()

    def activated(self) -> None:
        """Count the examples if that was not done since they changed."""
        self._choose_page()
        self._count()

    def may_close(self) -> bool:
        """Ask before a run in progress is stopped; its state is saved first."""
        if self.run is None or not self.run.running:
            return True
        box = QMessageBox(QMessageBox.Icon.Question, "EGMA", "A training run is in progress.", parent=self)
        box.setInformativeText("Stop it now? Its state is saved first, so that nothing is lost.")
        stop = box.addButton("Stop and save", QMessageBox.ButtonRole.AcceptRole)
        box.addButton("Keep training", QMessageBox.ButtonRole.RejectRole)
        box.exec()
        if box.clickedButton() is not stop:
            return False
        return self.run.close()

    def start(self) -> None:
        """Write the examples and the settings, then start the run."""
        library = self.library
        if library is None or self._busy:
            return
        try:
            config, folder = self.run_form.config(), self.run_form.folder()
        except ConfigError as error:
            self.run_form.form.show_problem()
            self.banner.show_error(error)
            return
        self.banner.clear()
        self._preparing = True
        self._explorable = None
        self.monitor.clear("Writing the examples…")
        self._right.setCurrentWidget(self.monitor)
        self._enable()
        chosen = self.examples.origins()
        jobs.run(
            self,
            lambda: _prepare(library.store, chosen, config),
            lambda inputs: self._begin(folder, inputs),
            self._could_not_prepare,
        )

    def stop(self) -> None:
        """End the run after its state is saved."""
        if self.run is not None and self.run.running and not self._stopping:
            self._stopping = True
            self.monitor.say("Stopping: the state is being saved…")
            self.run.stop()
            self._enable()

    @property
    def _busy(self) -> bool:
        return self._preparing or (self.run is not None and self.run.running)

    def _begin(self, folder: Path, inputs: Path) -> None:
        self._preparing = False
        self._stopping = False
        self.run = TrainingRun(folder, inputs, self)
        self.run.received.connect(self._take)
        self.run.finished.connect(self._finished)
        self.monitor.say("Starting: torch takes some seconds to load…")
        self.run.start()
        self._enable()

    def _could_not_prepare(self, error: BaseException) -> None:
        self._preparing = False
        self.monitor.say("The run has not begun.")
        self.monitor.rest()
        self.banner.show_error(error)
        self._enable()

    def _take(self, event: Mapping[str, Any]) -> None:
        kind = event["event"]
        if kind == "start":
            self.monitor.start(event)
        elif kind == "step":
            self.monitor.step(event)
        elif kind == "evaluation":
            self.monitor.evaluation(event)
        elif kind in ("checkpoint", "stopped") and self.run is not None:
            self._explorable = self.run.folder
            self._enable()

    def _finished(self, outcome: str, message: Message) -> None:
        run, self.run = self.run, None
        assert run is not None
        run.deleteLater()
        self.monitor.rest()
        if outcome == "done":
            self.monitor.say("Done")
            self.banner.show_message(Message("The run is done.", f"It lies in {run.folder}."), kind="good")
        elif outcome == "stopped":
            self.monitor.say("Stopped; the state is saved")
            self.banner.show_message(Message("The run was stopped, and its state is saved.", f"It lies in {run.folder}."))
        else:
            self.monitor.say("The run has failed")
            self.banner.show_message(message, kind="error")
        if self.library is not None:
            self.run_form.set_folder(free_run_folder(_runs_of(self.library)))
        self._enable()

    def _explore(self) -> None:
        if self._explorable is not None:
            self.explore_wanted.emit(self._explorable)

    def _choose_page(self) -> None:
        if not is_installed("torch"):
            self._stack.setCurrentWidget(self._no_torch)
        elif self.library is None:
            self._empty.say("No library is open", "Open a library, or make a new one (Library menu).")
            self._stack.setCurrentWidget(self._empty)
        else:
            self._stack.setCurrentWidget(self._page)

    def _count(self) -> None:
        if self._stale and self.library is not None and self._stack.currentWidget() is self._page:
            self._stale = False
            self.examples.show_library(self.library)

    def _enable(self) -> None:
        running = self.run is not None and self.run.running
        ready = self.library is not None and self.examples.summary is not None and self.examples.summary.examples_in("train") >= 2
        self.actions_by_id["train.start"].setEnabled(ready and not self._busy)
        self.actions_by_id["train.stop"].setEnabled(running and not self._stopping)
        self.actions_by_id["train.explore"].setEnabled(self._explorable is not None)
        self._explore_button.setVisible(self._explorable is not None)

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        start, stop, self._explore_button = (_button(self.actions_by_id[f"train.{verb}"], self) for verb in ("start", "stop", "explore"))
        for button in (start, self._explore_button):
            button.setProperty("role", "main")
        buttons.addWidget(start, 1)
        buttons.addWidget(stop)
        line = QFrame(self)
        line.setFrameShape(QFrame.Shape.HLine)
        line.setFrameShadow(QFrame.Shadow.Plain)
        line.setForegroundRole(QPalette.ColorRole.Mid)
        left, right = QWidget(self), QWidget(self)
        settings = QVBoxLayout(left)
        settings.setContentsMargins(0, 0, 8, 0)
        settings.setSpacing(10)
        for widget in (self.examples, line):
            settings.addWidget(widget)
        settings.addWidget(self.run_form, 1)
        settings.addLayout(buttons)
        self._right = QStackedWidget(right)
        self._right.addWidget(self._no_run)
        self._right.addWidget(self.monitor)
        run = QVBoxLayout(right)
        run.setContentsMargins(8, 0, 0, 0)
        run.addWidget(self._right, 1)
        run.addWidget(self._explore_button, 0, Qt.AlignmentFlag.AlignRight)
        split = QSplitter(Qt.Orientation.Horizontal, self)
        split.addWidget(left)
        split.addWidget(right)
        split.setSizes([500, 1000])
        split.setStretchFactor(1, 1)
        split.setChildrenCollapsible(False)
        self._page = split
        self._stack = QStackedWidget(self)
        self._no_torch = MissingExtra("Training runs", "torch", "train", self)
        self._stack.addWidget(self._empty)
        self._stack.addWidget(self._no_torch)
        self._stack.addWidget(self._page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 10, 12, 10)
        layout.addWidget(self.banner)
        layout.addWidget(self._stack, 1)


def _button(action: QAction, parent: QWidget) -> QPushButton:
    button = QPushButton(action.icon(), action.text(), parent)
    button.setIconSize(QSize(16, 16))
    button.setToolTip(action.toolTip())
    button.clicked.connect(action.trigger)
    action.changed.connect(lambda: button.setEnabled(action.isEnabled()))
    return button


def _runs_of(library: Library) -> Path:
    """Where a library's runs lie: beside its files."""
    return library.store.files.parent / "runs"


def _prepare(store: Store, chosen: Origins, config: TrainingConfig) -> Path:
    """Write a run's manifest and configuration into a folder of their own; the run copies them into its own."""
    inputs = Path(tempfile.mkdtemp(prefix="egma-run-"))
    export(store, inputs / MANIFEST, chosen)
    save_config(inputs / CONFIG, config)
    return inputs
