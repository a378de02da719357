from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QLabel, QMessageBox, QPushButton, QTextBrowser, QToolButton
from pytestqt.qtbot import QtBot

from egma_app import actions
from egma_app.app import begin, dark_palette
from egma_app.capture.importing import ImportDialog
from egma_app.capture.workspace import CaptureWorkspace
from egma_app.explore.workspace import ExploreWorkspace
from egma_app.main_window import PURPOSE, WORKSPACES, MainWindow
from egma_app.settings import Settings
from egma_app.viewer.image_view import ImageView
from egma_core.store.store import Store

CTRL = Qt.KeyboardModifier.ControlModifier


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[MainWindow]:
    made = MainWindow(Settings())
    qtbot.addWidget(made)
    made.show()
    qtbot.waitExposed(made)
    made.activateWindow()
    yield made


@pytest.fixture
def library_path(tmp_path: Path) -> Path:
    Store.open(tmp_path / "ward.sqlite", create=True).close()
    return tmp_path / "ward.sqlite"


def opened(window: MainWindow, path: Path, qtbot: QtBot, **options: object) -> None:
    window.open_library(path, **options)  # pyright: ignore[reportArgumentType]
    qtbot.waitUntil(lambda: window.library is not None and window.library.name == path.stem)


def test_the_first_page_says_what_to_do(window: MainWindow, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert window.workspace() is None and window.windowTitle() == "EGMA"
    texts = [label.text() for label in window.findChildren(QLabel)]
    assert any("egma demo" in text for text in texts) and PURPOSE in texts
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "mine"), ""))
    next(b for b in window.findChildren(QPushButton) if "new library" in b.text()).click()
    qtbot.waitUntil(lambda: window.library is not None)
    assert (tmp_path / "mine.sqlite").is_file()
    assert window.windowTitle() == "Capture – mine – EGMA"


def test_a_library_is_opened_and_remembered(window: MainWindow, library_path: Path, qtbot: QtBot) -> None:
    opened(window, library_path, qtbot)
    assert isinstance(window.workspace(), CaptureWorkspace)
    assert Settings().values.library == str(library_path)
    window.close()
    assert window.library is None
    second = MainWindow(Settings())
    qtbot.addWidget(second)
    begin(second, None, "", None, None)
    qtbot.waitUntil(lambda: second.library is not None)
    assert second.library is not None and second.library.name == "ward"


def test_a_library_that_is_gone_is_not_asked_for(qtbot: QtBot, tmp_path: Path) -> None:
    settings = Settings()
    settings.update(library=str(tmp_path / "gone.sqlite"))
    window = MainWindow(settings)
    qtbot.addWidget(window)
    begin(window, None, "", None, None)
    qtbot.wait(50)
    assert window.library is None and window.banner.text == ""


def test_what_is_no_library_is_said_in_words(window: MainWindow, library_path: Path, tmp_path: Path, qtbot: QtBot) -> None:
    opened(window, library_path, qtbot)
    (tmp_path / "letter.sqlite").write_text("Dear Sir", encoding="utf-8")
    window.open_library(tmp_path / "letter.sqlite")
    qtbot.waitUntil(lambda: "is not a library" in window.banner.text)
    assert window.library is not None and window.library.name == "ward", "the one that was open stays open"


def test_workspaces_by_rail_and_key(window: MainWindow, library_path: Path, qtbot: QtBot) -> None:
    opened(window, library_path, qtbot)
    buttons = {b.text(): b for b in window.findChildren(QToolButton)}
    for number, name in enumerate(WORKSPACES, start=1):
        qtbot.keyClick(window, getattr(Qt.Key, f"Key_{number}"), CTRL)
        workspace = window.workspace()
        assert workspace is not None and workspace.name == name and workspace.library is window.library
        assert buttons[workspace.title].isChecked()
        assert window.windowTitle().startswith(workspace.title)
    buttons["Capture"].click()
    assert isinstance(window.workspace(), CaptureWorkspace)
    titles = [a.text().replace("&", "") for a in window.menuBar().actions() if a.isVisible()]
    assert titles == ["Library", "View", "Capture", "Film", "Help"]


def test_every_action_of_the_table_is_somewhere(window: MainWindow, library_path: Path, qtbot: QtBot) -> None:
    opened(window, library_path, qtbot)
    for name in WORKSPACES:
        window.go(name)
    bound = {action.objectName() for widget in [window, *QApplication.allWidgets()] for action in widget.actions()}
    assert {row.id for row in actions.ACTIONS} <= bound


def test_another_library_replaces_the_first(window: MainWindow, library_path: Path, tmp_path: Path, qtbot: QtBot) -> None:
    opened(window, library_path, qtbot)
    first = window.library
    Store.open(tmp_path / "other.sqlite", create=True).close()
    opened(window, tmp_path / "other.sqlite", qtbot)
    assert window.library is not first
    workspace = window.workspace()
    assert workspace is not None and workspace.library is window.library


def test_menus_cover_the_film(window: MainWindow, library_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(window, library_path, qtbot)
    workspace = window.workspace()
    assert workspace is not None
    covered: list[bool] = []
    monkeypatch.setattr(ImageView, "set_covered", lambda _self, on: covered.append(on))
    menu = window.menuBar().actions()[0].menu()
    menu.popup(window.mapToGlobal(window.rect().topLeft()))
    qtbot.waitUntil(menu.isVisible)
    menu.close()
    assert covered == [True, False]


def test_the_explorer_is_opened_on_what_need_not_be_in_a_library(
    window: MainWindow, library_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(window, library_path, qtbot)
    asked: list[tuple[Path | None, Path | None]] = []
    monkeypatch.setattr(ExploreWorkspace, "open", lambda _self, checkpoint, film: asked.append((checkpoint, film)))
    begin(window, None, "", Path("run"), Path("film.dcm"))
    workspace = window.workspace()
    assert isinstance(workspace, ExploreWorkspace)
    window.go("train")
    trainer = window.workspace()
    assert trainer is not None
    trainer.explore_wanted.emit(Path("another"))
    assert window.workspace() is workspace
    assert asked == [(Path("run"), Path("film.dcm")), (Path("another"), None)]


def test_importing_needs_a_library(window: MainWindow, library_path: Path, qtbot: QtBot) -> None:
    window.actions_by_id["library.import_dicom"].trigger()
    assert "no library" in window.banner.text
    opened(window, library_path, qtbot)
    window.actions_by_id["library.import_images"].trigger()
    dialog = window.findChild(ImportDialog)
    assert dialog is not None and dialog.isVisible()
    dialog.reject()


def test_help_is_there(window: MainWindow, qtbot: QtBot) -> None:
    qtbot.keyClick(window, Qt.Key.Key_F1)
    sheet = window.findChild(actions.KeySheet)
    assert sheet is not None and sheet.isVisible()
    sheet.close()
    window.actions_by_id["help.about"].trigger()
    about = window.findChild(QMessageBox)
    assert about is not None and PURPOSE in about.informativeText()
    about.close()
    window.actions_by_id["help.changelog"].trigger()
    changes = next(d for d in window.findChildren(QDialog) if d.windowTitle() == "What is new")
    assert "0.1" in changes.findChild(QTextBrowser).toPlainText()
    changes.close()


def test_a_window_that_may_not_close_stays(window: MainWindow, library_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(window, library_path, qtbot)
    workspace = window.workspace()
    monkeypatch.setattr(workspace, "may_close", lambda: False)
    assert not window.close() and window.isVisible() and window.library is not None
    before = window.library
    window.open_library(library_path.with_name("x.sqlite"), create=True)
    qtbot.wait(50)
    assert window.library is before
    monkeypatch.setattr(workspace, "may_close", lambda: True)
    assert window.close()


def test_the_window_opens_where_it_was(qtbot: QtBot) -> None:
    window = MainWindow(Settings())
    qtbot.addWidget(window)
    window.resize(760, 560)
    window.show()
    window.close()
    again = MainWindow(Settings())
    qtbot.addWidget(again)
    again.show()
    assert (again.width(), again.height()) == (760, 560)


def test_full_screen_and_back(window: MainWindow, qtbot: QtBot) -> None:
    qtbot.keyClick(window, Qt.Key.Key_F11)
    qtbot.waitUntil(window.isFullScreen)
    qtbot.keyClick(window, Qt.Key.Key_F11)
    qtbot.waitUntil(lambda: not window.isFullScreen())


def test_text_can_be_read_in_the_dark() -> None:
    palette = dark_palette()
    for group in (palette.ColorGroup.Active,):
        for text, ground in (
            ("WindowText", "Window"),
            ("Text", "Base"),
            ("Text", "AlternateBase"),
            ("ButtonText", "Button"),
            ("PlaceholderText", "Window"),
            ("PlaceholderText", "Base"),
            ("HighlightedText", "Highlight"),
            ("ToolTipText", "ToolTipBase"),
            ("Link", "Window"),
            ("BrightText", "Window"),
        ):
            colours = [palette.color(group, palette.ColorRole[name]) for name in (text, ground)]
            assert contrast(*colours) >= 4.5, (text, ground)


def contrast(one: object, other: object) -> float:
    """WCAG 2 contrast of two colours."""

    def luminance(colour: object) -> float:
        channels = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour.getRgbF()[:3]]  # pyright: ignore[reportAttributeAccessIssue]
        return float(sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), channels, strict=True)))

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_a_blinded_sitting_keeps_its_reader_in_capture(
    window: MainWindow, library_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(window, library_path, qtbot)
    capture = window.workspace()
    assert capture is not None
    monkeypatch.setattr(capture, "confines", lambda: "The study hides other readers' work.")
    for name in ("review", "explore"):
        window.actions_by_id[f"go.{name}"].trigger()
        assert window.workspace() is capture and "hides other readers' work" in window.banner.text
        assert window.actions_by_id["go.capture"].isChecked()
    window.explore(None)
    assert window.workspace() is capture
    monkeypatch.setattr(capture, "confines", lambda: "")
    assert window.go("review") and window.workspace() is not capture
