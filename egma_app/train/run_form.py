"""What a run is made of besides its examples: a preset to start from, every setting, and the folder it writes to."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QComboBox, QFileDialog, QFrame, QHBoxLayout, QLabel, QLineEdit, QPushButton, QScrollArea, QVBoxLayout, QWidget

from egma_app.widgets.form import OptionsForm
from egma_core.errors import ConfigError
from egma_core.training.config import TrainingConfig, preset, presets

_PRESET_HELP = {
    "demo": "Small encoders of our own: what the demo trains, in a minute or two on any computer",
    "tiny": "Small encoders of our own, from scratch: trains on a laptop",
    "paper": "Swin and clinical BERT as in the paper: needs their weights at hand, and a GPU to be practical",
    "release": "The same pair trained as the paper's released code does it: for comparison, not for use",
}


def free_run_folder(parent: Path) -> Path:
    """A folder of today's date and time below `parent` that does not exist yet."""
    stem = f"{datetime.now().astimezone():%Y-%m-%d-%H%M}"
    names = [stem, *(f"{stem}-{n}" for n in range(2, 100))]
    return next(parent / name for name in names if not (parent / name).exists())


class RunForm(QWidget):
    """Preset, settings and run folder.

    Attributes:
        changed: Emitted after every edit.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        """Start from the smallest preset there is."""
        super().__init__(parent)
        self.form = OptionsForm(TrainingConfig, opened=("optim",))
        self._presets = QComboBox(self)
        self._presets.setAccessibleName("Preset to start from")
        for name in sorted(presets(), key=lambda n: (list(_PRESET_HELP).index(n) if n in _PRESET_HELP else 99, n)):
            self._presets.addItem(name)
            self._presets.setItemData(self._presets.count() - 1, _PRESET_HELP.get(name, ""), 3)
        self._preset_help = QLabel(self)
        self._preset_help.setWordWrap(True)
        self._preset_help.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._folder = QLineEdit(self)
        self._folder.setAccessibleName("Run folder")
        self._folder.setPlaceholderText("Where checkpoints and figures go")
        self._folder.setToolTip("A new folder for this run: configuration, examples, events, checkpoints and figures")
        browse = QPushButton("Choose…", self)
        browse.setToolTip("Choose another place for the run's folder")
        browse.clicked.connect(self._browse)
        area = QScrollArea(self)
        area.setWidget(self.form)
        area.setWidgetResizable(True)
        area.setFrameShape(QFrame.Shape.NoFrame)
        start_from = QHBoxLayout()
        start_from.addWidget(QLabel("Start from the preset", self))
        start_from.addWidget(self._presets, 1)
        folder = QHBoxLayout()
        label = QLabel("&Run folder", self)
        label.setBuddy(self._folder)
        folder.addWidget(label)
        folder.addWidget(self._folder, 1)
        folder.addWidget(browse)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(start_from)
        layout.addWidget(self._preset_help)
        layout.addWidget(area, 1)
        layout.addLayout(folder)
        self._presets.activated.connect(lambda _row: self.use_preset(self._presets.currentText()))
        self.form.changed.connect(self.changed)
        self._folder.textChanged.connect(lambda _text: self.changed.emit())
        self.use_preset(self._presets.itemText(0))

    def use_preset(self, name: str) -> None:
        """Put a preset's settings into the form."""
        self._presets.setCurrentText(name)
        self._preset_help.setText(_PRESET_HELP.get(name, ""))
        self.form.set_value(preset(name))

    def set_folder(self, folder: Path | None) -> None:
        """Propose a run folder."""
        self._folder.setText("" if folder is None else str(folder))

    def config(self) -> TrainingConfig:
        """The settings.

        Raises:
            ConfigError: A field is not usable; `form.show_problem` leads to it.
        """
        return self.form.value()

    def folder(self) -> Path:
        """The run's folder, which is still free.

        Raises:
            ConfigError: None was given, or there is something in it.
        """
        text = self._folder.text().strip()
        if not text:
            raise ConfigError("There is no run folder.", "Type or choose a folder for the run.")
        folder = Path(text).expanduser()
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ConfigError(f"The run folder {folder} already holds something.", "Choose a new folder, so that no run is written over.")
        return folder

    def _browse(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Where shall the run's folder be made?", str(Path(self._folder.text()).parent))
        if chosen:
            self.set_folder(free_run_folder(Path(chosen)))
