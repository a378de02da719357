"""The prompts with their files: the sets that come with the program, and one's own."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction, QFont
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from egma_app.explore.prompt_panel import PromptPanel
from egma_core.errors import ConfigError
from egma_core.inference.prompts import PromptSet, builtin, builtin_names, load_prompts, save_prompts

_FIRST = ("phantom", "chexpert_8x200")
"""Sets that are good to begin with: short ones."""

_FILES = "Prompt sets (*.toml);;All files (*)"


class PromptBox(QWidget):
    """The prompt panel with a list of sets above it and Load and Save below.

    Attributes:
        panel: The editable prompts.
        failed: Emitted with what went wrong with a file.
    """

    failed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        """Start with the first usable set of the program's own."""
        super().__init__(parent)
        self.panel = PromptPanel(self)
        heading = QLabel("Prompts", self)
        font = QFont(self.font())
        font.setBold(True)
        heading.setFont(font)
        self._sets = QComboBox(self)
        self._sets.setAccessibleName("Prompt set")
        self._sets.setToolTip("Sets that come with the program; edits are yours to save")
        self._sets.setPlaceholderText("your own")
        self._sets.addItems(builtin_names())
        self._files = QHBoxLayout()
        self._files.setSpacing(6)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(heading)
        layout.addWidget(self._sets)
        layout.addWidget(self.panel, 1)
        layout.addLayout(self._files)
        self._sets.activated.connect(lambda _index: self.use(self._sets.currentText()))
        any(self.use(name) for name in (*_FIRST, *builtin_names()) if name in builtin_names())

    def add_button(self, action: QAction) -> None:
        """Offer an action below the prompts."""
        button = QPushButton(action.text(), self)
        button.setToolTip(action.toolTip())
        button.clicked.connect(action.trigger)
        self._files.addWidget(button)

    def use(self, name: str) -> bool:
        """Show one of the program's own sets; whether it could be read."""
        try:
            prompts = builtin(name)
        except ConfigError as error:
            self.failed.emit(error)
            return False
        self._show(prompts)
        self._sets.setCurrentText(name)
        return True

    def load(self) -> None:
        """Ask for a file and show its prompts."""
        path, _ = QFileDialog.getOpenFileName(self, "Load prompts", str(Path.home()), _FILES)
        if path:
            self.load_from(Path(path))

    def load_from(self, path: Path) -> None:
        """Show a file's prompts."""
        try:
            self._show(load_prompts(path))
        except ConfigError as error:
            self.failed.emit(error)

    def save(self) -> None:
        """Ask for a file and write the prompts to it."""
        path, _ = QFileDialog.getSaveFileName(self, "Save prompts", str(Path.home() / "prompts.toml"), _FILES)
        if path:
            self.save_to(Path(path) if Path(path).suffix else Path(f"{path}.toml"))

    def save_to(self, path: Path) -> None:
        """Write the usable prompts to a file."""
        try:
            save_prompts(path, PromptSet(path.stem, self.panel.prompts().prompts))
        except ConfigError as error:
            self.failed.emit(error)

    def _show(self, prompts: PromptSet) -> None:
        self._sets.setCurrentIndex(-1)
        self.panel.set_prompts(prompts)
