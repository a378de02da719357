"""The part of the set-up form that chooses the study protocol which a sitting keeps to."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QFileDialog, QFormLayout, QHBoxLayout, QPushButton, QWidget

from egma_app.capture.study import Study
from egma_app.settings import Settings
from egma_app.widgets.labels import quiet_label
from egma_core.errors import ConfigError
from egma_core.recording.protocol import read_protocol

_NONE = "None: every study of the library, in any order."


class ProtocolChoice(QObject):
    """A file, read and checked as soon as it is chosen.

    Attributes:
        changed: Emitted when another was chosen, or none.
        study: The protocol, or None.
        trouble: Why the chosen file cannot be kept to, in words; "" if it can.
    """

    changed = Signal()

    def __init__(self, settings: Settings, parent: QObject) -> None:
        """Offer what was chosen last time."""
        super().__init__(parent)
        self._settings = settings
        self._path = ""
        self.study: Study | None = None
        self.trouble = ""
        self.about = quiet_label(_NONE)
        self.choose_button = QPushButton("Choose…")
        self.none_button = QPushButton("None")
        self._row = QWidget()
        row = QHBoxLayout(self._row)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.choose_button)
        row.addWidget(self.none_button)
        row.addStretch(1)
        self.choose_button.clicked.connect(self._choose)
        self.none_button.clicked.connect(lambda: self.load(""))
        self.load(settings.values.protocol)

    def add_rows(self, form: QFormLayout) -> None:
        """Add the rows to a form."""
        form.addRow("Protocol", self._row)
        form.addRow("", self.about)

    def load(self, path: str) -> None:
        """Choose the protocol of a file; "" for none."""
        self._path, self.study, self.trouble = path, None, ""
        if path:
            try:
                self.study = Study.parse(read_protocol(Path(path)))
            except ConfigError as error:
                self.trouble = str(error)
        self.about.setText(self.trouble or (self.study.words if self.study else _NONE))
        self.none_button.setVisible(bool(path))
        self.changed.emit()

    def remember(self) -> None:
        """Offer the same the next time."""
        self._settings.update(protocol=self._path)

    def _choose(self) -> None:
        start = str(Path(self._path).parent) if self._path else str(Path.home())
        path, _ = QFileDialog.getOpenFileName(self._row, "Study protocol", start, "Study protocols (*.toml);;All files (*)")
        if path:
            self.load(path)
