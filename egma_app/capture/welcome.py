"""The first page: what a person can do before any library is open."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction, QFont, QPalette
from PySide6.QtWidgets import QApplication, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from egma_app import actions

DEMO = "egma demo"
_MARK = QSize(64, 64)


class Welcome(QWidget):
    """Three ways to begin: open a library, make one, or let the demo make one."""

    def __init__(self, open_library: QAction, new_library: QAction, parent: QWidget | None = None) -> None:
        """Offer the window's own actions as buttons."""
        super().__init__(parent)
        column = QVBoxLayout(self)
        column.setSpacing(10)
        column.addStretch(2)
        mark = QLabel()
        mark.setPixmap(actions.icon("egma").pixmap(_MARK))
        column.addWidget(mark, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(_line("Read films. Record eyes and words. Train on them.", size=1.5), 0, Qt.AlignmentFlag.AlignHCenter)
        column.addWidget(_line("A library holds films, readings and what was made of them: one file, with a folder beside it.", quiet=True))
        column.addSpacing(14)
        row = QHBoxLayout()
        row.addStretch(1)
        for action, words in ((new_library, "Make a new library…"), (open_library, "Open a library…")):
            button = QPushButton(words)
            button.setToolTip(action.toolTip())
            button.clicked.connect(action.trigger)
            row.addWidget(button)
        row.addStretch(1)
        column.addLayout(row)
        column.addSpacing(14)
        column.addWidget(
            _line("Then import a folder of DICOM films, or of pictures with a table of labels, from the Library menu.", quiet=True)
        )
        column.addWidget(_line("Or see the whole chain on made-up films, in minutes. In a terminal:", quiet=True))
        demo = QHBoxLayout()
        command = QLabel(f"<code>{DEMO}</code>")
        command.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard)
        copy = QPushButton("Copy")
        copy.setToolTip("Copy the command")
        copy.clicked.connect(lambda: QApplication.clipboard().setText(DEMO))
        demo.addStretch(1)
        demo.addWidget(command)
        demo.addWidget(copy)
        demo.addStretch(1)
        column.addLayout(demo)
        column.addStretch(3)


def _line(text: str, *, size: float = 1.0, quiet: bool = False) -> QLabel:
    label = QLabel(text)
    label.setAlignment(Qt.AlignmentFlag.AlignHCenter)
    label.setWordWrap(size == 1.0)
    font = QFont(label.font())
    font.setPointSizeF(font.pointSizeF() * size)
    label.setFont(font)
    if quiet:
        label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
    return label
