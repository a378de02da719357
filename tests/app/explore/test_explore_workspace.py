"""Explore answers through the real predictor process: scores, maps, the reader's gaze beside them, and life after a crash."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shiboken6
from PySide6.QtCore import QDeadlineTimer, QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from egma_app import jobs
from egma_app.explore import workspace as explore_workspace
from egma_app.explore.answers import PROMPTS, READER
from egma_app.explore.checkpoints import recent, resolve, title_of
from egma_app.explore.scores_panel import HONEST
from egma_app.explore.similarity_panel import MAP, OWN_RANGE, SimilarityPanel, spread
from egma_app.explore.workspace import ExploreWorkspace
from egma_app.settings import Settings
from egma_app.workspace import Library
from egma_core.errors import CheckpointError
from egma_core.inference.predictor import Predictor
from egma_core.inference.prompts import PromptSet, load_prompts
from egma_core.inference.similarity import on_image

START_MS = 60_000
TWO = PromptSet("two", {"mark": ("there is a mark in the corner", "a mark"), "nothing": ("there is nothing",)})


@pytest.fixture
def library(make_library: Callable[..., Path]) -> Iterator[Library]:
    library = Library.open(make_library(3, readings=1, origin="mouse"))
    yield library
    library.close()


@pytest.fixture
def workspace(qtbot: QtBot, library: Library) -> Iterator[ExploreWorkspace]:
    workspace = ExploreWorkspace(library, Settings())
    qtbot.addWidget(workspace)
    workspace.resize(1500, 900)
    workspace.show()
    workspace.activated()
    workspace.prompts.panel.set_prompts(TWO)
    qtbot.waitUntil(lambda: len(workspace.films.table.shown()) == 3)
    yield workspace
    workspace.predictor.close()
    qtbot.waitUntil(lambda: jobs.pending() == 0)


@pytest.fixture(scope="module")
def opened(
    qapp: QApplication, make_shared_library: Callable[..., Path], checkpoint: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ExploreWorkspace]:
    """A workspace with a film and its answers, for the tests that only look at them: starting the predictor takes seconds."""
    library = Library.open(make_shared_library(3, readings=1, origin="mouse"))
    workspace = ExploreWorkspace(library, Settings(tmp_path_factory.mktemp("settings") / "settings.ini"))
    workspace.resize(1500, 900)
    workspace.show()
    workspace.prompts.panel.set_prompts(TWO)
    workspace.checkpoints.use(checkpoint)
    workspace.films.table.setFocus()
    wait_until(lambda: len(workspace.films.table.shown()) == 3)
    QTest.keyClick(workspace.films.table, Qt.Key.Key_Home)
    wait_until(lambda: len(workspace.answers) == 2)
    yield workspace
    workspace.set_library(None)
    wait_until(lambda: jobs.pending() == 0)
    library.close()
    shiboken6.delete(workspace)


def wait_until(met: Callable[[], bool]) -> None:
    """As qtbot's, for a fixture that a module shares."""
    deadline = QDeadlineTimer(START_MS)
    while not met():
        assert not deadline.hasExpired()
        QTest.qWait(20)


def words(workspace: ExploreWorkspace) -> str:
    return " ".join(label.text() for label in workspace.findChildren(QLabel) if label.isVisible())


def open_film(qtbot: QtBot, workspace: ExploreWorkspace, checkpoint: Path) -> None:
    workspace.checkpoints.use(checkpoint)
    qtbot.keyClick(workspace.films.table, Qt.Key.Key_Home)
    qtbot.waitUntil(lambda: len(workspace.answers) == 2, timeout=START_MS)


def layer(workspace: ExploreWorkspace) -> object:
    return workspace.stage.similarity.view._layers.get(MAP)


def test_without_torch_it_says_which_extra_to_install(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, library: Library) -> None:
    monkeypatch.setattr(explore_workspace, "is_installed", lambda package: package != "torch")
    workspace = ExploreWorkspace(library, Settings())
    qtbot.addWidget(workspace)
    workspace.show()
    workspace.activated()
    assert "pip install 'egma[train]'" in words(workspace)


def test_step_by_step_it_says_what_is_missing(qtbot: QtBot, workspace: ExploreWorkspace, checkpoint: Path) -> None:
    assert "No checkpoint is chosen" in words(workspace)
    workspace.checkpoints.use(checkpoint.parent.parent)
    assert "No film is open" in words(workspace)
    assert "never stored" in words(workspace)
    qtbot.waitUntil(lambda: "7 × 7 places" in workspace.checkpoints.state, timeout=START_MS)


def test_scores_and_maps_are_the_predictor_s(qtbot: QtBot, opened: ExploreWorkspace, checkpoint: Path) -> None:
    film = opened.film
    assert film is not None
    wanted = Predictor(checkpoint).predict(film.path, TWO)
    bars = {bar.name: bar.share for bar in opened.stage.scores.bars.bars()}
    assert bars == pytest.approx(dict(zip(wanted.classes, wanted.probabilities.tolist(), strict=True)), abs=1e-5)
    assert sum(bars.values()) == pytest.approx(1.0, abs=1e-5)
    assert "not the probability of a disease" in HONEST and HONEST in words(opened)
    best = opened.stage.scores.bars.bars()[0].name
    assert TWO.prompts[best][0] in opened.stage.similarity.caption
    shown = opened.answers.map_of(TWO.prompts[best][0])
    same = next(m for m in wanted.maps if m.sentence == TWO.prompts[best][0])
    assert shown is not None
    assert np.allclose(on_image(shown), on_image(same), atol=1e-4, equal_nan=True)
    assert np.allclose(spread(shown)[0], on_image(same), atol=1e-4, equal_nan=True), "a small film is spread pixel by pixel"


def test_keys_choose_sentences_and_bars_choose_classes(qtbot: QtBot, opened: ExploreWorkspace) -> None:
    panel = opened.prompts.panel
    panel.choose(TWO.prompts["mark"][0])
    before = layer(opened)
    qtbot.keyClick(panel.tree, Qt.Key.Key_Down)
    assert "“a mark”" in opened.stage.similarity.caption
    assert layer(opened) is not before
    opened.stage.scores.bars.choose("mark")
    bars = opened.stage.scores.bars
    row = next(i for i, bar in enumerate(bars.bars()) if bar.name == "nothing")
    qtbot.mouseClick(bars.viewport(), Qt.MouseButton.LeftButton, pos=bars.visualRect(bars.model().index(row, 0)).center())
    assert "“there is nothing”" in opened.stage.similarity.caption


def test_colour_bar_gives_the_cosines_of_its_ends(qtbot: QtBot, opened: ExploreWorkspace) -> None:
    low, high = opened.answers.common_range()
    bar = opened.stage.similarity.controls.bar
    assert bar.ticks[0] == f"{low:+.2f}" and bar.ticks[2] == f"{high:+.2f}"
    assert "cosine" in bar.meaning
    opened.stage.similarity.controls.show_layer(OWN_RANGE, True)
    shown = opened.answers.map_of(opened.prompts.panel.sentence())
    assert shown is not None
    assert bar.ticks[0] == f"{shown.cosine.min():+.2f}" and bar.ticks[2] == f"{shown.cosine.max():+.2f}"


def test_an_edit_is_predicted_shortly_after(qtbot: QtBot, opened: ExploreWorkspace) -> None:
    opened.activateWindow()
    qtbot.waitUntil(opened.isActiveWindow)
    panel = opened.prompts.panel
    panel.tree.setFocus()
    panel.choose("there is nothing")
    qtbot.keyClick(panel.tree, Qt.Key.Key_F2)
    editor = panel.tree.viewport().findChild(QLineEdit)
    assert editor is not None
    editor.selectAll()
    qtbot.keyClicks(editor, "there is nothing elsewhere")
    qtbot.keyClick(editor, Qt.Key.Key_Return)

    def answered() -> bool:
        prediction = opened.answers.about(PROMPTS)
        return prediction is not None and "there is nothing elsewhere" in prediction.sentences

    qtbot.waitUntil(answered, timeout=10_000)


def test_the_reader_s_gaze_and_sentences_stand_beside(qtbot: QtBot, opened: ExploreWorkspace) -> None:
    gaze = opened.stage.gaze
    assert "mouse standing in for gaze in the whole reading" in gaze.caption
    qtbot.keyClick(gaze.sentences, Qt.Key.Key_Down)
    sentence = gaze.sentences.current()
    assert sentence is not None
    assert f"for “{sentence.text}”" in gaze.caption
    assert f"similarity to “{sentence.text}”" in opened.stage.similarity.caption
    assert opened.prompts.panel.sentence() == "", "the prompts no longer claim the map"
    qtbot.waitUntil(lambda: "1 heat" in gaze.view._layers)
    prediction = opened.answers.about(READER)
    assert prediction is not None and sentence.text in prediction.sentences


def test_a_dropped_film_is_shown_and_never_stored(
    qtbot: QtBot, workspace: ExploreWorkspace, library: Library, checkpoint: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "elsewhere" / "film.dcm"
    copy.parent.mkdir()
    copy.write_bytes(library.store.studies()[0].instances[0].path.read_bytes())
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    workspace.checkpoints.use(checkpoint)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(copy))])
    at, buttons, keys = QPointF(500, 400), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(at.toPoint(), Qt.DropAction.CopyAction, data, buttons, keys)
    QApplication.sendEvent(workspace, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(workspace, QDropEvent(at, Qt.DropAction.CopyAction, data, buttons, keys))
    qtbot.waitUntil(lambda: workspace.answers.about(PROMPTS) is not None, timeout=START_MS)
    assert "not of the library" in workspace.stage.gaze.caption
    assert len(library.store.studies()) == 3
    assert [path for path in files if path.suffix == ".dcm"] == sorted(path for path in tmp_path.rglob("*.dcm"))


def test_a_file_that_is_no_film_is_said_in_words(qtbot: QtBot, workspace: ExploreWorkspace, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    workspace.open_file(tmp_path / "notes.txt")
    qtbot.waitUntil(lambda: bool(workspace.banner.text))
    assert "Traceback" not in workspace.banner.text
    assert workspace.film is None


def test_a_killed_predictor_is_started_again_on_request(qtbot: QtBot, workspace: ExploreWorkspace, checkpoint: Path) -> None:
    open_film(qtbot, workspace, checkpoint)
    child = workspace.predictor.child
    assert child is not None
    child._process.kill()
    qtbot.waitUntil(lambda: "Prediction" in workspace.banner.text, timeout=10_000)
    assert workspace.stage.scores.bars.bars() == ()
    workspace.prompts.panel.set_prompts(TWO)
    button = next(b for b in workspace.banner.findChildren(QPushButton) if b.text() == "Start again")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(workspace.answers) == 2, timeout=START_MS)
    assert workspace.banner.text == ""


def test_a_damaged_checkpoint_is_said_in_words(qtbot: QtBot, workspace: ExploreWorkspace, checkpoint: Path, tmp_path: Path) -> None:
    torn = tmp_path / "torn"
    torn.mkdir()
    for path in checkpoint.iterdir():
        (torn / path.name).write_bytes(path.read_bytes()[: 100 if path.suffix == ".safetensors" else None])
    workspace.checkpoints.use(torn)
    qtbot.waitUntil(lambda: bool(workspace.banner.text), timeout=START_MS)
    assert "torn" in workspace.banner.text
    workspace.checkpoints.use(tmp_path)
    assert "neither a checkpoint nor a run" in workspace.banner.text


def test_prompts_are_loaded_and_saved(workspace: ExploreWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.toml"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_args: (str(path), ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_args: (str(path), ""))
    workspace.actions_by_id["explore.save_prompts"].trigger()
    assert load_prompts(path).prompts == TWO.prompts
    workspace.prompts.panel.set_prompts(PromptSet("other", {"a": ("b",), "c": ("d",)}))
    workspace.actions_by_id["explore.load_prompts"].trigger()
    assert workspace.prompts.panel.prompts().prompts == TWO.prompts
    path.write_text("classes = 3")
    workspace.actions_by_id["explore.load_prompts"].trigger()
    assert "mine.toml" in workspace.banner.text


def test_recent_checkpoints_are_remembered_and_runs_stand_for_their_best(
    workspace: ExploreWorkspace, checkpoint: Path, tmp_path: Path
) -> None:
    assert resolve(checkpoint.parent.parent) == checkpoint
    assert title_of(checkpoint) == "small, step 7"
    with pytest.raises(CheckpointError):
        resolve(tmp_path)
    workspace.checkpoints.use(checkpoint)
    assert recent(Settings()) == (checkpoint,)


def test_the_predictor_is_let_go_with_the_library(qtbot: QtBot, workspace: ExploreWorkspace, checkpoint: Path) -> None:
    open_film(qtbot, workspace, checkpoint)
    child = workspace.predictor.child
    assert child is not None
    with qtbot.waitSignal(child.ended):
        workspace.set_library(None)
    assert workspace.predictor.child is None


def test_the_map_lies_over_the_frame_that_the_model_saw(qtbot: QtBot, opened: ExploreWorkspace) -> None:
    image = opened.stage.similarity.view.image
    shown = opened.answers.map_of("a mark")
    assert image is not None and shown is not None
    panel = SimilarityPanel(opened.settings.values)
    qtbot.addWidget(panel)
    panel.show_film(replace(image, pixels=np.concatenate([image.pixels, image.pixels])))
    panel.show_map(shown, (-1.0, 1.0))
    assert panel.view._layers[MAP].opacity > 0
    panel.view.set_frame(1)
    assert panel.view._layers[MAP].opacity == 0
    panel.view.set_frame(0)
    assert panel.view._layers[MAP].opacity > 0
