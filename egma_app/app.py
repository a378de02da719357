"""The composition root: makes the application, its look, its log and its window, and runs them."""

from __future__ import annotations

import gc
import json
import os
import sys
from pathlib import Path

import shiboken6
from PySide6.QtCore import QCoreApplication, Qt, QTimer
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication

from egma_app import actions, jobs, messages
from egma_app.main_window import MainWindow
from egma_app.settings import Settings
from egma_core.assets import resource


def main(
    library: Path | None = None,
    workspace: str = "",
    checkpoint: Path | None = None,
    film: Path | None = None,
    quit_after_ms: int | None = None,
    picture: Path | None = None,
) -> int:
    """Open the window and run until it is closed.

    Every widget is made in here, so that none outlives the application.

    Args:
        library: The library to open; None for the one open last, if it is still there.
        workspace: The workspace to begin in; "" for the usual one.
        checkpoint: A run or checkpoint for the explorer.
        film: A film for the explorer, shown and never stored.
        quit_after_ms: Close by itself after this time.
        picture: Before closing by itself, write what the window shows to this file, PNG.

    Returns:
        The program's exit status.
    """
    _choose_platform()
    # Every move of the mouse counts where the mouse stands in for gaze.
    QCoreApplication.setAttribute(Qt.ApplicationAttribute.AA_CompressHighFrequencyEvents, False)
    existing = QApplication.instance()
    app = existing if isinstance(existing, QApplication) else QApplication(["egma"])
    app.setApplicationName("egma")
    app.setApplicationDisplayName("EGMA")
    dress(app)
    log = messages.start_log()
    window = MainWindow(Settings())
    jobs.collect_garbage_here(window)
    hook = messages.install_hook(window.banner.show_error)
    try:
        begin(window, library, workspace, checkpoint, film)
        window.show()
        if quit_after_ms is not None:
            QTimer.singleShot(quit_after_ms, lambda: _leave(window, picture))
        return app.exec()
    finally:
        sys.excepthook = hook
        shiboken6.delete(window)
        gc.enable()
        messages.stop_log(log)


def _leave(window: MainWindow, picture: Path | None) -> None:
    if picture is not None:
        window.grab().save(str(picture), "PNG")
    window.close()


def begin(window: MainWindow, library: Path | None, workspace: str, checkpoint: Path | None, film: Path | None) -> None:
    """Open what the command line named, or what was open last."""
    last = window.settings.values.library
    if library is not None:
        window.open_library(library, workspace=workspace)
    elif last and ("://" in last or Path(last).is_file()):
        window.open_library(last, workspace=workspace)
    elif workspace:
        window.go(workspace)
    if checkpoint is not None or film is not None:
        window.explore(checkpoint, film)


def dress(app: QApplication) -> None:
    """Give the application its dark, quiet look, the same on every platform."""
    app.setStyle("Fusion")
    app.setPalette(dark_palette())
    app.styleHints().setColorScheme(Qt.ColorScheme.Dark)
    sheet = resource("theme", "window.qss").read_text(encoding="utf-8")
    app.setStyleSheet(sheet.replace("@icons", resource("icons").as_posix()))
    app.setWindowIcon(actions.icon("egma"))


def dark_palette() -> QPalette:
    """The palette of `resources/theme/dark.json`: of low luminance, for a reading room; text keeps a contrast of 4.5 to 1 or more."""
    declared: dict[str, dict[str, str]] = json.loads(resource("theme", "dark.json").read_text(encoding="utf-8"))
    palette = QPalette()
    for name, colour in declared["palette"].items():
        palette.setColor(QPalette.ColorRole[name], QColor(colour))
    for name, colour in declared["disabled"].items():
        palette.setColor(QPalette.ColorGroup.Disabled, QPalette.ColorRole[name], QColor(colour))
    return palette


def _choose_platform() -> None:
    """On Linux, prefer X11: Wayland tells no program where on the monitor its window lies, and gaze needs to know."""
    if sys.platform == "linux" and os.environ.get("DISPLAY") and os.environ.get("WAYLAND_DISPLAY"):
        os.environ.setdefault("QT_QPA_PLATFORM", "xcb")
