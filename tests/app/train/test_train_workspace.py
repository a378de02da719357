"""Train counts the examples, trains in the real child process, stops with its work saved, and outlives its death."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QCheckBox, QLabel, QLineEdit, QMessageBox
from pytestqt.qtbot import QtBot

from egma_app import jobs
from egma_app.settings import Settings
from egma_app.train import workspace as train_workspace
from egma_app.train.run_form import free_run_folder
from egma_app.train.workspace import TrainWorkspace
from egma_app.workspace import Library

START_MS = 60_000
TINY = {
    "model.vision.size_px": "32",
    "model.vision.width": "16",
    "model.text.width": "16",
    "model.text.layers": "1",
    "model.embed_dim": "16",
    "optim.batch_size": "4",
    "threads": "1",
}


@pytest.fixture
def library(make_library: Callable[..., Path]) -> Iterator[Library]:
    library = Library.open(make_library(16))
    yield library
    library.close()


@pytest.fixture
def workspace(qtbot: QtBot, library: Library) -> Iterator[TrainWorkspace]:
    workspace = counted(qtbot, library)
    for name, text in TINY.items():
        retype(workspace, name, text)
    yield workspace
    if workspace.run is not None:
        workspace.run.close()
    qtbot.waitUntil(lambda: jobs.pending() == 0)


def counted(qtbot: QtBot, library: Library) -> TrainWorkspace:
    workspace = TrainWorkspace(library, Settings())
    qtbot.addWidget(workspace)
    workspace.resize(1400, 900)
    workspace.show()
    workspace.activated()
    qtbot.waitUntil(lambda: "Counting" not in workspace.examples.text and jobs.pending() == 0, timeout=20_000)
    return workspace


def retype(workspace: TrainWorkspace, name: str, text: str) -> None:
    workspace.run_form.form.row(name).findChild(QLineEdit).setText(text)


def words(workspace: TrainWorkspace) -> str:
    return " ".join(label.text() for label in workspace.findChildren(QLabel) if label.isVisible())


def start(qtbot: QtBot, workspace: TrainWorkspace, steps: int) -> None:
    retype(workspace, "optim.steps", str(steps))
    workspace.actions_by_id["train.start"].trigger()
    qtbot.waitUntil(lambda: workspace.run is not None, timeout=10_000)


def points(workspace: TrainWorkspace) -> int:
    losses = workspace.monitor.losses
    return len(losses.points("total")[0]) if losses.names() else 0


def test_without_torch_it_says_which_extra_to_install(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, library: Library) -> None:
    monkeypatch.setattr(train_workspace, "is_installed", lambda package: package != "torch")
    workspace = TrainWorkspace(library, Settings())
    qtbot.addWidget(workspace)
    workspace.show()
    assert "pip install 'egma[train]'" in words(workspace)


def test_without_a_library_it_says_what_to_do(qtbot: QtBot) -> None:
    workspace = TrainWorkspace(None, Settings())
    qtbot.addWidget(workspace)
    workspace.show()
    workspace.activated()
    assert "No library is open" in words(workspace)
    assert not workspace.actions_by_id["train.start"].isEnabled()


def test_examples_are_counted(workspace: TrainWorkspace) -> None:
    said = workspace.examples.text
    assert "16 examples of 16 patients" in said
    assert "32, 32 of them with gaze" in said
    assert "no patient in two" in said
    assert "simulated gaze" in said
    assert workspace.actions_by_id["train.start"].isEnabled()


def test_an_empty_library_cannot_be_trained_on(qtbot: QtBot, make_library: Callable[..., Path]) -> None:
    library = Library.open(make_library(2, readings=0, name="empty"))
    workspace = counted(qtbot, library)
    assert "nothing to export" in workspace.examples.text
    assert not workspace.actions_by_id["train.start"].isEnabled()
    library.close()


def test_origins_never_mix_unasked(qtbot: QtBot, make_library: Callable[..., Path]) -> None:
    library = Library.open(make_library(8, readings=2, origin="simulated+mouse", name="mixed"))
    workspace = counted(qtbot, library)
    assert "gaze of several origins" in words(workspace)
    assert not workspace.actions_by_id["train.start"].isEnabled()
    boxes = {box.text().partition(" (")[0]: box for box in workspace.examples.findChildren(QCheckBox)}
    assert {"mouse standing in for gaze", "simulated gaze", "typed", "simulated"} == set(boxes)
    boxes["mouse standing in for gaze"].click()
    boxes["typed"].click()
    qtbot.waitUntil(lambda: "8 examples of 8 patients" in workspace.examples.text, timeout=10_000)
    assert "mouse standing in for gaze" in workspace.examples.text
    boxes["simulated gaze"].click()
    boxes["simulated"].click()
    qtbot.waitUntil(lambda: "16 examples of 8 patients" in workspace.examples.text, timeout=10_000)
    library.close()


def test_a_run_from_start_to_done(qtbot: QtBot, workspace: TrainWorkspace, library: Library) -> None:
    start(qtbot, workspace, 6)
    assert workspace.run is not None
    folder = workspace.run.folder
    assert not workspace.actions_by_id["train.start"].isEnabled()
    qtbot.waitUntil(lambda: workspace.run is None, timeout=START_MS)
    assert workspace.monitor.state == "Done"
    assert "The run is done" in workspace.banner.text
    assert points(workspace) == 6
    assert set(workspace.monitor.losses.names()) == {"total", "fine-grained", "gaze", "mapping", "global"}
    assert workspace.monitor.value("step") == "6 of 6"
    assert json.loads((folder / "metrics.json").read_text(encoding="utf-8"))["steps"] == 6
    assert folder.parent == library.store.files.parent / "runs"
    with qtbot.waitSignal(workspace.explore_wanted) as said:
        workspace.actions_by_id["train.explore"].trigger()
    assert said.args == [folder]
    assert workspace.actions_by_id["train.start"].isEnabled()
    assert workspace.run_form.folder() != folder


def test_stop_saves_first(qtbot: QtBot, workspace: TrainWorkspace) -> None:
    start(qtbot, workspace, 100_000)
    assert workspace.run is not None
    folder = workspace.run.folder
    qtbot.waitUntil(lambda: points(workspace) > 2, timeout=START_MS)
    workspace.actions_by_id["train.stop"].trigger()
    assert "being saved" in workspace.monitor.state
    qtbot.waitUntil(lambda: workspace.run is None, timeout=START_MS)
    assert "stopped, and its state is saved" in workspace.banner.text
    assert (folder / "latest").is_file()
    assert workspace.actions_by_id["train.explore"].isEnabled()


def test_a_killed_run_is_said_in_words_and_another_can_start(qtbot: QtBot, workspace: TrainWorkspace) -> None:
    start(qtbot, workspace, 100_000)
    qtbot.waitUntil(lambda: points(workspace) > 0, timeout=START_MS)
    assert workspace.run is not None
    workspace.run.child._process.kill()
    qtbot.waitUntil(lambda: workspace.run is None, timeout=START_MS)
    assert workspace.monitor.state == "The run has failed"
    assert "choose a smaller batch" in workspace.banner.text
    assert workspace.actions_by_id["train.start"].isEnabled()


def test_what_the_run_refuses_is_said_in_its_own_words(qtbot: QtBot, workspace: TrainWorkspace) -> None:
    workspace.run_form.form.row("model.text.kind").set_value("transformers", told=True)
    retype(workspace, "model.text.source", "/nowhere/at/all")
    start(qtbot, workspace, 3)
    qtbot.waitUntil(lambda: workspace.run is None, timeout=START_MS)
    assert workspace.monitor.state == "The run has failed"
    assert "/nowhere/at/all" in workspace.banner.text
    assert "Traceback" not in workspace.banner.text


def test_a_wrong_field_is_led_to(qtbot: QtBot, workspace: TrainWorkspace) -> None:
    workspace.activateWindow()
    qtbot.waitUntil(workspace.isActiveWindow)
    retype(workspace, "loss.gaze_alpha", "7")
    workspace.actions_by_id["train.start"].trigger()
    assert workspace.run is None
    assert "gaze_alpha is 7.0, outside its range" in workspace.banner.text
    line = workspace.run_form.form.row("loss.gaze_alpha").findChild(QLineEdit)
    qtbot.waitUntil(lambda: QApplication.focusWidget() is line)


def test_a_folder_that_holds_something_is_refused(workspace: TrainWorkspace, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.txt").write_text("mine")
    workspace.run_form.set_folder(tmp_path / "taken")
    workspace.actions_by_id["train.start"].trigger()
    assert "already holds something" in workspace.banner.text
    assert (tmp_path / "taken" / "thesis.txt").read_text() == "mine"


def test_proposed_folders_are_free(tmp_path: Path) -> None:
    first = free_run_folder(tmp_path)
    first.mkdir()
    second = free_run_folder(tmp_path)
    assert second != first
    assert not second.exists()


def test_closing_asks_while_a_run_is_in_progress(qtbot: QtBot, workspace: TrainWorkspace) -> None:
    assert workspace.may_close()
    start(qtbot, workspace, 100_000)
    assert workspace.run is not None
    folder = workspace.run.folder
    qtbot.waitUntil(lambda: points(workspace) > 0, timeout=START_MS)

    def answer(text: str) -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        next(button for button in box.buttons() if button.text() == text).click()

    QTimer.singleShot(200, lambda: answer("Keep training"))
    assert not workspace.may_close()
    assert workspace.run is not None and workspace.run.running
    QTimer.singleShot(200, lambda: answer("Stop and save"))
    assert workspace.may_close()
    assert workspace.run is None
    assert (folder / "latest").is_file()


def test_presets_fill_the_form(workspace: TrainWorkspace) -> None:
    workspace.run_form.use_preset("paper")
    assert workspace.run_form.config().optim.learning_rate == 1e-6
    assert workspace.run_form.config().model.vision.kind == "transformers"
