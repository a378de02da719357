from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QPlainTextEdit, QPushButton
from pytestqt.qtbot import QtBot

from egma_app.capture import importing
from egma_app.capture.importing import ImportDialog
from egma_app.workspace import Library


@pytest.fixture
def empty(tmp_path: Path, qtbot: QtBot) -> Iterator[Library]:
    library = Library.open(tmp_path / "new.sqlite", create=True)
    yield library
    library.close()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(3):
        Image.fromarray(np.random.default_rng(number).integers(0, 256, (40, 30)).astype(np.uint8)).save(folder / f"{number}.png")
    rows = ["picture_file,finding_labels,patient_id,label_derived_sentences", "0.png,Effusion,7,There is an effusion."]
    rows += ["1.png,,8,", "2.png,,8,", "9.png,,9,"]
    (folder / "table.csv").write_text("\n".join(rows), encoding="utf-8")
    return folder


def button(dialog: ImportDialog, text: str) -> QPushButton:
    return next(b for b in dialog.findChildren(QPushButton) if b.text() == text)


def test_pictures_with_a_table_of_other_names(empty: Library, pictures: Path, qtbot: QtBot) -> None:
    dialog = ImportDialog("images", empty)
    qtbot.addWidget(dialog)
    dialog.show()
    assert not button(dialog, "Import").isEnabled()
    qtbot.keyClicks(dialog.folder, str(pictures))
    assert not button(dialog, "Import").isEnabled(), "pictures need a table"
    qtbot.keyClicks(dialog.labels, str(pictures / "table.csv"))
    guessed = {ours: box.currentText() for ours, box in dialog.columns.items()}
    assert guessed == {
        "image": "(none)",
        "patient_id": "patient_id",
        "labels": "finding_labels",
        "sentences": "label_derived_sentences",
        "split": "(none)",
    }
    dialog.columns["image"].setCurrentText("picture_file")
    with qtbot.waitSignal(empty.changed):
        button(dialog, "Import").click()
    assert "3 films imported." in dialog.banner.text and "names 1 pictures that were not found" in dialog.banner.text
    studies = empty.store.studies()
    assert [s.labels for s in studies] == [("Effusion",), (), ()]
    assert [s.text for s in empty.store.report(studies[0].id)] == ["There is an effusion."]
    button(dialog, "Close").click()
    assert not dialog.isVisible()


def test_dicom_folder_with_a_film_that_is_refused(empty: Library, library_path: Path, qtbot: QtBot) -> None:
    (library_path.parent / "films" / "broken.dcm").write_bytes(b"no film at all")
    dialog = ImportDialog("dicom", empty)
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.folder.setText(str(library_path.parent / "films"))
    with qtbot.waitSignal(empty.changed):
        button(dialog, "Import").click()
    assert "4 films imported, 1 refused." in dialog.banner.text
    assert dialog.findChild(QPlainTextEdit).toPlainText().startswith("broken.dcm: ")
    with qtbot.waitSignal(empty.changed):
        button(dialog, "Import").click()
    assert "0 films imported, 4 were there already, 1 refused." in dialog.banner.text


def test_what_cannot_be_imported_is_said_in_words(empty: Library, tmp_path: Path, qtbot: QtBot) -> None:
    dialog = ImportDialog("dicom", empty)
    qtbot.addWidget(dialog)
    dialog.folder.setText(str(tmp_path / "nowhere"))
    with qtbot.waitSignal(empty.changed):
        dialog.start()
    assert "There is no folder" in dialog.banner.text


def test_an_import_can_be_stopped(empty: Library, library_path: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on, real = threading.Event(), importing._import

    def slow(*arguments: object) -> object:
        go_on.wait(5)
        return real(*arguments)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(importing, "_import", slow)
    dialog = ImportDialog("dicom", empty)
    qtbot.addWidget(dialog)
    dialog.show()
    dialog.folder.setText(str(library_path.parent / "films"))
    dialog.start()
    assert dialog.running and not dialog.folder.isEnabled()
    closing = QCloseEvent()
    dialog.closeEvent(closing)
    assert not closing.isAccepted() and dialog.isVisible(), "it stops first"
    with qtbot.waitSignal(empty.changed):
        go_on.set()
    assert "Stopped." in dialog.banner.text and not dialog.running
    assert len(empty.store.studies()) == 1, "what was imported before is kept"
