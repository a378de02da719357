"""What the program is, in a box: version, licence and purpose."""

from __future__ import annotations

import platform
from importlib import metadata

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

PURPOSE = "Research use, not for diagnosis"


def show_about(parent: QWidget) -> None:
    """Say what the program is."""
    box = QMessageBox(parent)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setWindowTitle("About EGMA")
    box.setText(f"EGMA {metadata.version('egma')}")
    box.setInformativeText(
        f"Records how radiologists read chest films, trains gaze-guided models on it and shows what they learned.\n\n{PURPOSE}.\n"
        f"Apache-2.0 licence. Python {platform.python_version()}, Qt through PySide6 {metadata.version('PySide6-Essentials')}."
    )
    box.open()
