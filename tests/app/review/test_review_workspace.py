"""Review lists readings, opens one with its maps, goes through its sentences by key, and exports what is shown."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel
from pytestqt.qtbot import QtBot

from egma_app import jobs
from egma_app.review.reading_panel import HEAT, PATH
from egma_app.review.workspace import ReviewWorkspace
from egma_app.settings import Settings
from egma_app.viewer.reading_gaze import gaze_picture
from egma_app.workspace import Library
from egma_core.alignment.maps import density
from egma_core.dicom.display import render
from egma_core.dicom.reader import read_image
from egma_core.overlay.maps import heat_map_rgba
from egma_core.overlay.picture import compose
from egma_core.overlay.scan_path import scan_path_rgba
from egma_core.speech.sentences import Sentence


@pytest.fixture
def library(make_library: Callable[..., Path]) -> Iterator[Library]:
    library = Library.open(make_library(2, readings=2, origin="mouse"))
    yield library
    library.close()


@pytest.fixture
def workspace(qtbot: QtBot, library: Library) -> Iterator[ReviewWorkspace]:
    workspace = ReviewWorkspace(library, Settings())
    qtbot.addWidget(workspace)
    workspace.resize(1400, 900)
    workspace.show()
    qtbot.waitUntil(lambda: bool(workspace.readings.rows) and all(row.data_loss is not None for row in workspace.readings.rows))
    yield workspace
    qtbot.waitUntil(lambda: jobs.pending() == 0)


def open_first(qtbot: QtBot, workspace: ReviewWorkspace) -> None:
    qtbot.keyClick(workspace.readings.table, Qt.Key.Key_Home)
    qtbot.waitUntil(lambda: HEAT in shown_layers(workspace), timeout=15000)


def shown_layers(workspace: ReviewWorkspace) -> dict[str, tuple[np.ndarray, float]]:
    layers = workspace.reading.view._layers
    return {name: (layer, layer.opacity) for name, layer in layers.items()}


def words(workspace: ReviewWorkspace) -> str:
    return " ".join(label.text() for label in workspace.findChildren(QLabel) if label.isVisible())


def test_without_a_library_it_says_what_to_do(qtbot: QtBot) -> None:
    workspace = ReviewWorkspace(None, Settings())
    qtbot.addWidget(workspace)
    workspace.show()
    assert "No library is open" in words(workspace)


def test_an_empty_library_sends_one_to_capture(qtbot: QtBot, make_library: Callable[..., Path]) -> None:
    library = Library.open(make_library(1, readings=0))
    workspace = ReviewWorkspace(library, Settings())
    qtbot.addWidget(workspace)
    workspace.show()
    qtbot.waitUntil(lambda: "There are no readings yet" in words(workspace))
    library.close()


def test_the_list_tells_origin_and_quality(workspace: ReviewWorkspace) -> None:
    rows = workspace.readings.rows
    assert len(rows) == 4
    assert [row.entry.started_utc for row in workspace.readings.table.shown()] == sorted((r.entry.started_utc for r in rows), reverse=True)
    cells = [str(workspace.readings.table.model().index(0, c).data()) for c in range(9)]
    assert cells[2] == "mouse"
    assert cells[3] == "4%", "20 of 480 samples are lost"
    assert workspace.readings.table.model().index(0, 2).data(Qt.ItemDataRole.ToolTipRole).startswith("mouse standing in for gaze")


def test_filter_by_typing(qtbot: QtBot, workspace: ReviewWorkspace) -> None:
    workspace.activateWindow()
    qtbot.waitUntil(workspace.isActiveWindow)
    workspace.actions_by_id["review.find"].trigger()
    qtbot.waitUntil(workspace.readings.filter.hasFocus)
    qtbot.keyClicks(workspace.readings.filter, "p001 mouse")
    assert {row.entry.study.patient for row in workspace.readings.table.shown()} == {"P001"}
    assert "2 of 4 readings" in words(workspace)
    qtbot.keyClick(workspace.readings.filter, Qt.Key.Key_Down)
    assert workspace.readings.table.hasFocus()


def test_opening_derives_shows_and_says_where_gaze_came_from(qtbot: QtBot, workspace: ReviewWorkspace, library: Library) -> None:
    entry = workspace.readings.table.shown()[0].entry
    assert library.store.derivation(entry.id) is None
    open_first(qtbot, workspace)
    assert library.store.derivation(entry.id) is not None
    assert set(shown_layers(workspace)) == {HEAT, PATH}
    assert "mouse standing in for gaze" in workspace.reading.heading
    assert "2 fixations" in workspace.reading.heading
    assert workspace.reading.sentences.shown()[0].text == "The whole reading"


def test_a_revised_text_is_shown_with_maps_of_its_own(qtbot: QtBot, workspace: ReviewWorkspace, library: Library) -> None:
    open_first(qtbot, workspace)
    assert workspace.reading.gaze is not None
    entry = workspace.reading.gaze.entry
    first, second = library.store.sentences(entry.id)
    revised = (dataclasses.replace(first, text="One sentence of all.", offset_s=second.offset_s), Sentence("Added.", 0.2, 0.4, "typed"))
    library.write(workspace, lambda store: store.save_revision(entry.id, revised, "edited"))
    wanted = ["The whole reading", "Added.", "One sentence of all."]
    qtbot.waitUntil(lambda: [row.text for row in workspace.reading.sentences.shown()] == wanted, timeout=15000)
    gaze, film = workspace.reading.gaze, workspace.reading.film
    assert gaze is not None and film is not None
    assert gaze.gaze_map(1, film) is not None, "a sentence that was never recorded so has its map all the same"
    derivation = library.store.derivation(entry.id)
    assert derivation is not None and derivation.inputs == {"revision": library.store.revision_id(entry.id)}


def test_keys_go_through_the_sentences_with_the_core_s_own_pictures(qtbot: QtBot, workspace: ReviewWorkspace) -> None:
    open_first(qtbot, workspace)
    gaze, film = workspace.reading.gaze, workspace.reading.film
    assert gaze is not None and film is not None
    before = shown_layers(workspace)[HEAT][0]
    qtbot.keyClick(workspace.reading.sentences, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: HEAT in shown_layers(workspace) and shown_layers(workspace)[HEAT][0] is not before)
    row = workspace.reading.sentences.current()
    assert row is not None and "mark in the" in row.text
    gaze_map = gaze.gaze_map(0, film)
    assert gaze_map is not None
    picture = gaze_picture(gaze, gaze_map, film)
    assert np.array_equal(picture.heat, heat_map_rgba(density(gaze_map, (film.rows, film.columns)), opacity=1.0))
    brightest = np.unravel_index(picture.heat[..., :3].sum(axis=2).argmax(), picture.heat.shape[:2])
    mark = {"P000": (12, 12), "P001": (52, 12)}[gaze.entry.study.patient]
    assert math.dist(mark, (brightest[1] + 0.5, brightest[0] + 0.5)) < 3, "looked at the mark before naming it"
    with qtbot.waitSignal(workspace.reading.sentences.chosen):
        workspace.actions_by_id["review.next"].trigger()
    row = workspace.reading.sentences.current()
    assert row is not None and "nothing in the middle" in row.text


def test_layers_and_opacity_follow_the_switches(qtbot: QtBot, workspace: ReviewWorkspace) -> None:
    open_first(qtbot, workspace)
    workspace.activateWindow()
    qtbot.waitUntil(workspace.isActiveWindow)
    workspace.reading.view.setFocus()
    qtbot.keyClick(workspace.reading.view, Qt.Key.Key_G)
    assert shown_layers(workspace)[HEAT][1] == 0.0
    assert shown_layers(workspace)[PATH][1] == pytest.approx(0.6)
    qtbot.keyClick(workspace.reading.view, Qt.Key.Key_G)
    assert shown_layers(workspace)[HEAT][1] == pytest.approx(0.6)


def test_export_is_the_film_with_the_layers_shown_and_names_nobody(
    qtbot: QtBot, workspace: ReviewWorkspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_first(qtbot, workspace)
    proposed: list[str] = []

    def choose(_parent: object, _title: str, name: str, _filter: str) -> tuple[str, str]:
        proposed.append(Path(name).name)
        return str(tmp_path / "shown.png"), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", choose)
    with qtbot.waitSignal(workspace.reading.saved):
        workspace.actions_by_id["review.save"].trigger()
    gaze, film = workspace.reading.gaze, workspace.reading.film
    assert gaze is not None and film is not None
    assert proposed == [f"reading-{gaze.entry.id}-film-1-whole.png"]
    assert "shown.png" in workspace.banner.text
    saved = np.asarray(Image.open(tmp_path / "shown.png"))
    assert saved.shape[0] == film.rows and saved.shape[1] > film.columns, "a colour bar stands beside the film"
    shape = (film.rows, film.columns)
    whole = gaze.gaze_map(None, film)
    assert whole is not None
    f = gaze.fixations
    wanted = compose(
        render(read_image(film.path)),
        heat_map_rgba(density(whole, shape), opacity=0.6),
        scan_path_rgba(f.x_px, f.y_px, f.duration_s, shape, opacity=0.6),
    )
    assert np.array_equal(saved[:, : film.columns], wanted)


def test_a_reading_that_appears_is_listed(qtbot: QtBot, workspace: ReviewWorkspace, library: Library) -> None:
    session = library.store.readings()[0]
    with qtbot.waitSignal(library.changed):
        library.write(workspace, lambda store: store.begin_reading(1, session.study.study_id, 5, session.started_utc))
    qtbot.waitUntil(lambda: len(workspace.readings.rows) == 5)
    entry = next(row.entry for row in workspace.readings.rows if row.entry.state == "recording")
    workspace.open(entry.id)
    qtbot.waitUntil(lambda: "is being recorded" in words(workspace))


def test_a_damaged_reading_is_said_in_words(qtbot: QtBot, workspace: ReviewWorkspace, library: Library) -> None:
    entry = workspace.readings.table.shown()[0].entry
    film = library.store.study(entry.study.study_id).instances[0].path
    film.write_bytes(b"not a film")
    workspace.open(entry.id)
    qtbot.waitUntil(lambda: bool(workspace.banner.text), timeout=15000)
    assert "Traceback" not in workspace.banner.text
    assert QApplication.activeModalWidget() is None
