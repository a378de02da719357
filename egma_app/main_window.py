"""The window: four workspaces behind a rail, one open library, the menus, and what to do at the very first start."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Literal, cast

from PySide6.QtCore import QSize, Qt, QUrl
from PySide6.QtGui import QAction, QActionGroup, QCloseEvent, QDesktopServices
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMainWindow,
    QMenu,
    QStackedWidget,
    QTextBrowser,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from egma_app import actions, jobs, messages
from egma_app.capture.welcome import Welcome
from egma_app.settings import Settings
from egma_app.viewer.image_view import ImageView
from egma_app.widgets.about import PURPOSE, show_about
from egma_app.workspace import Explorer, Library, Reviewer, Workspace
from egma_core.assets import resource
from egma_core.store.store import Store

WORKSPACES = {
    "capture": "egma_app.capture.workspace:CaptureWorkspace",
    "review": "egma_app.review.workspace:ReviewWorkspace",
    "train": "egma_app.train.workspace:TrainWorkspace",
    "explore": "egma_app.explore.workspace:ExploreWorkspace",
}
"""Where each workspace is; it is imported when somebody first goes there."""

_LIBRARIES = "Libraries (*.sqlite *.sqlite3 *.db);;All files (*)"
_ICON = QSize(26, 26)


class MainWindow(QMainWindow):
    """The one window of the program.

    Attributes:
        library: The open library, or None.
        banner: Where the window says what does not belong to one workspace.
    """

    def __init__(self, settings: Settings) -> None:
        """Build the shell; workspaces are made when they are first needed."""
        super().__init__()
        self.settings = settings
        self.library: Library | None = None
        self.banner = messages.Banner()
        self._workspaces: dict[str, Workspace] = {}
        self._stack = QStackedWidget()
        self.actions_by_id = actions.bind(self, self._slots())
        self._stack.addWidget(Welcome(self.actions_by_id["library.open"], self.actions_by_id["library.new"]))
        self._film_menu = QMenu("Fil&m", self)
        self._workspace_menu = QMenu(self)
        self._build()
        self._make_menus()
        self._name_window()
        self.resize(1440, 900)
        self.restoreGeometry(settings.layout("window"))

    # -- libraries

    def open_library(self, location: str | Path, *, create: bool = False, workspace: str = "") -> None:
        """Open a library beside the window's work, then show it in `workspace` (or the one in front, or Capture)."""
        if not self._may_leave():
            return
        self.statusBar().showMessage("Opening the library…")

        def opened(store: Store) -> None:
            self._take(Library(store, self, location=str(location)))
            self.settings.update(library=store.location)
            self.go(workspace or self._current_name() or "capture")

        jobs.run(self, lambda: Store.open(location, create=create), opened, self._opening_failed)

    def _opening_failed(self, error: BaseException) -> None:
        self.statusBar().clearMessage()
        self.banner.show_error(error)

    def _take(self, library: Library | None) -> None:
        before, self.library = self.library, library
        for workspace in self._workspaces.values():
            workspace.set_library(library)
        if before is not None:
            before.close()
            before.deleteLater()
        self.statusBar().clearMessage()
        self.banner.clear()
        self._name_window()

    def _choose_library(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open library", self._start_folder(), _LIBRARIES)
        if path:
            self.open_library(path)

    def _make_library(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "New library", str(Path(self._start_folder()) / "library.sqlite"), _LIBRARIES)
        if path:
            self.open_library(path if Path(path).suffix else f"{path}.sqlite", create=True, workspace="capture")

    def _start_folder(self) -> str:
        last = self.settings.values.library
        return str(Path(last).parent) if last and "://" not in last else str(Path.home())

    # -- workspaces

    def go(self, name: str) -> bool:
        """Bring a workspace to the front, making it first if need be; whether the one in front lets go."""
        here = self.workspace()
        if here is not None and here.name != name and (why := here.confines()):
            self.banner.show_message(messages.Message(why))
            self.actions_by_id[f"go.{here.name}"].setChecked(True)
            return False
        workspace = self._workspaces.get(name)
        if workspace is None:
            module, _, kind = WORKSPACES[name].partition(":")
            made = getattr(import_module(module), kind)(self.library, self.settings)
            assert isinstance(made, Workspace)
            workspace = self._workspaces[name] = made
            workspace.explore_wanted.connect(self.explore)
            workspace.review_wanted.connect(self.review)
            self._stack.addWidget(workspace)
        self._stack.setCurrentWidget(workspace)
        self.actions_by_id[f"go.{name}"].setChecked(True)
        self._fill_menus(workspace)
        self._name_window()
        workspace.activated()
        return True

    def review(self, reading_id: int) -> None:
        """Go to the review workspace with a reading of the library."""
        if self.go("review"):
            cast("Reviewer", self._workspaces["review"]).open(reading_id)

    def explore(self, checkpoint: Path | None, film: Path | None = None) -> None:
        """Go to the explorer with a checkpoint and a film that need not be in any library."""
        if self.go("explore"):
            cast("Explorer", self._workspaces["explore"]).open(checkpoint, film)

    def workspace(self) -> Workspace | None:
        """The workspace in front, or None while the first page is shown."""
        shown = self._stack.currentWidget()
        return shown if isinstance(shown, Workspace) else None

    def _current_name(self) -> str:
        workspace = self.workspace()
        return workspace.name if workspace else ""

    def _may_leave(self) -> bool:
        return all(workspace.may_close() for workspace in self._workspaces.values())

    def _import(self, kind: Literal["dicom", "images"]) -> None:
        from egma_app.capture.importing import ImportDialog

        if self.library is None:
            self.banner.show_message(messages.Message("There is no library to import into.", "Open a library or make a new one first."))
            return
        dialog = ImportDialog(kind, self.library, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    # -- building

    def _slots(self) -> dict[str, actions.Slot]:
        return {
            "library.new": self._make_library,
            "library.open": self._choose_library,
            "library.import_dicom": lambda: self._import("dicom"),
            "library.import_images": lambda: self._import("images"),
            "window.quit": self.close,
            **{f"go.{name}": partial(self.go, name) for name in WORKSPACES},
            "window.full_screen": lambda on: self.showFullScreen() if on else self.showNormal(),
            "help.keys": self.show_keys,
            "help.changelog": lambda: self._show_text("What is new", resource("changelog.md")),
            "help.log": lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(messages.log_path().parent))),
            "help.about": lambda: show_about(self),
        }

    def _build(self) -> None:
        rail = QWidget()
        rail.setObjectName("rail")
        rail.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        column = QVBoxLayout(rail)
        column.setContentsMargins(0, 8, 0, 8)
        column.setSpacing(2)
        group = QActionGroup(self)
        for name in WORKSPACES:
            action = self.actions_by_id[f"go.{name}"]
            action.setCheckable(True)
            group.addAction(action)
            column.addWidget(_rail_button(action))
        column.addStretch(1)
        column.addWidget(_rail_button(self.actions_by_id["help.keys"]))
        room = QWidget()
        content = QVBoxLayout(room)
        content.setContentsMargins(0, 0, 0, 0)
        content.setSpacing(0)
        content.addWidget(self.banner)
        content.addWidget(self._stack, 1)
        whole = QWidget()
        row = QHBoxLayout(whole)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(rail)
        row.addWidget(room, 1)
        self.setCentralWidget(whole)
        purpose = QLabel(PURPOSE)
        purpose.setContentsMargins(0, 0, 8, 0)
        self.statusBar().addPermanentWidget(purpose)
        self.statusBar().setSizeGripEnabled(False)

    def _make_menus(self) -> None:
        library = QMenu("&Library", self)
        for name in ("library.new", "library.open", "", "library.import_dicom", "library.import_images", "", "window.quit"):
            library.addAction(self.actions_by_id[name]) if name else library.addSeparator()
        view = QMenu("&View", self)
        for name in (*(f"go.{name}" for name in WORKSPACES), "", "window.full_screen"):
            view.addAction(self.actions_by_id[name]) if name else view.addSeparator()
        about = QMenu("&Help", self)
        about.addActions([self.actions_by_id[f"help.{name}"] for name in ("keys", "changelog", "log", "about")])
        for menu in (library, view, self._workspace_menu, self._film_menu, about):
            self.menuBar().addMenu(menu)
            menu.aboutToShow.connect(lambda: self._menu_open(True))
            menu.aboutToHide.connect(lambda: self._menu_open(False))
        for menu in (self._workspace_menu, self._film_menu):
            menu.menuAction().setVisible(False)

    def _fill_menus(self, workspace: Workspace) -> None:
        film = workspace.findChild(ImageView)
        self._workspace_menu.setTitle(f"&{workspace.title}")
        for menu, shown in ((self._workspace_menu, workspace.actions()), (self._film_menu, film.actions() if film else [])):
            for action in menu.actions():  # `clear` would delete actions that only their own widget holds
                menu.removeAction(action)
            menu.addActions(shown)
            menu.menuAction().setVisible(bool(shown))

    def _menu_open(self, is_open: bool) -> None:
        workspace = self.workspace()
        for film in workspace.findChildren(ImageView) if workspace else []:
            film.set_covered(is_open)

    def _name_window(self) -> None:
        workspace = self.workspace()
        parts = [workspace.title if workspace else "", self.library.name if self.library else "", "EGMA"]
        self.setWindowTitle(" – ".join(part for part in parts if part))

    # -- help

    def show_keys(self) -> None:
        """Show what every key does."""
        actions.KeySheet(self).open()

    def _show_text(self, title: str, path: Path) -> None:
        dialog = QDialog(self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setWindowTitle(title)
        dialog.resize(720, 560)
        text = QTextBrowser()
        text.setMarkdown(path.read_text(encoding="utf-8"))
        QVBoxLayout(dialog).addWidget(text)
        dialog.open()

    # -- leaving

    def closeEvent(self, event: QCloseEvent) -> None:
        """Ask where something is under way, then let every child and the library go."""
        if not self._may_leave():
            event.ignore()
            return
        self.settings.keep_layout("window", self.saveGeometry())
        self._take(None)
        super().closeEvent(event)


def _rail_button(action: QAction) -> QToolButton:
    button = QToolButton()
    button.setDefaultAction(action)
    button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
    button.setIconSize(_ICON)
    button.setFixedWidth(76)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button
