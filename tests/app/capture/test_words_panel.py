"""A report put in order while it is dictated and typed; what was said stays what was said."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from egma_app.capture.draft import Draft
from egma_app.capture.sentence_list import SentenceEditor
from egma_app.capture.sentence_panel import REASON, SentencePanel
from egma_app.capture.session import CaptureSession
from egma_app.capture.sitting import SaidSentence
from egma_app.workspace import Library
from egma_core.gaze.samples import GazeSamples
from egma_core.geometry import Screen
from egma_core.store.values import CaptureSessionRecord, RawBatch, SpokenSentence
from egma_core.trackers.tracker import TrackerDescription

S = 1_000_000_000
START = 50 * S
CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
HEART = SaidSentence("The heart is large.", START + 2 * S, START + 4 * S)
LUNGS = SaidSentence("No effusion no air.", START + 5 * S, START + 9 * S, "dictation")
BONES = SaidSentence("Bones are whole.", START + 10 * S, START + 12 * S)


def texts(draft: Draft) -> list[str]:
    return [sentence.text for sentence in draft.sentences]


class TestDraft:
    def test_each_change_and_the_way_back(self) -> None:
        draft = Draft()
        heart, lungs, bones = (draft.add(said).key for said in (HEART, LUNGS, BONES))
        assert not draft.changed
        draft.rewrite(heart, " The  heart is normal. ")
        second = draft.split(lungs, "No effusion", "no air.")
        draft.remove(bones)
        assert second is not None
        joined = draft.join(heart)
        assert texts(draft) == ["The heart is normal. No effusion", "no air."]
        assert joined is not None and draft.join(second) is None
        states = [texts(draft)]
        while draft.undo():
            states.append(texts(draft))
        assert states[-1] == [HEART.text, LUNGS.text, BONES.text] and len(states) == 5
        assert not draft.changed and not draft.undo()

    def test_times_stay_are_shared_or_span(self) -> None:
        draft = Draft()
        heart, lungs = draft.add(HEART).key, draft.add(LUNGS).key
        draft.split(lungs, "No effusion", "no air.")
        first, second = draft.sentences[1:]
        assert (first.onset_ns, second.offset_ns) == (LUNGS.onset_ns, LUNGS.offset_ns)
        assert first.offset_ns == second.onset_ns == LUNGS.onset_ns + 4 * S * 11 // 18
        assert first.origin == second.origin == "dictation"
        draft.join(heart)
        both = draft.sentences[0]
        assert (both.onset_ns, both.offset_ns, both.origin) == (HEART.onset_ns, first.offset_ns, "typed")

    def test_nothing_is_no_change(self) -> None:
        draft = Draft()
        key = draft.add(HEART).key
        draft.rewrite(key, HEART.text + " ")
        assert draft.split(key, "", HEART.text) is None and draft.join(key) is None
        assert not draft.changed
        draft.rewrite(key, "  ")
        assert draft.sentences == ()

    def test_undoing_leaves_what_was_said_since(self) -> None:
        draft = Draft()
        draft.rewrite(draft.add(HEART).key, "The heart is small.")
        draft.add(SaidSentence("Earlier, heard late.", START, START + S, "dictation"))
        draft.undo()
        assert texts(draft) == ["Earlier, heard late.", HEART.text]

    @given(st.lists(st.tuples(st.sampled_from(["rewrite", "remove", "join", "split", "add"]), st.integers(0, 5)), max_size=12))
    def test_undoing_everything_brings_back_what_was_said(self, steps: list[tuple[str, int]]) -> None:
        draft, said = Draft(), []
        for number, (what, place) in enumerate([("add", 0), ("add", 1), *steps]):
            key = draft.sentences[place % len(draft.sentences)].key if draft.sentences else None
            if what == "add" or key is None:
                said.append(SaidSentence(f"Sentence number {number}.", number * S, (number + 1) * S))
                draft.add(said[-1])
            elif what == "split":
                draft.split(key, "one", "two")
            elif what == "rewrite":
                draft.rewrite(key, f"other {number}")
            else:
                getattr(draft, what)(key)
        while draft.undo():
            pass
        assert texts(draft) == [one.text for one in said]


@pytest.fixture
def session() -> CaptureSession:
    made = CaptureSession(lambda _: None)
    made.state, made.reading_id, made.started_ns = "reading", 1, START
    return made


@pytest.fixture
def panel(session: CaptureSession, qtbot: QtBot) -> SentencePanel:
    made = SentencePanel(session)
    qtbot.addWidget(made)
    made.resize(300, 400)
    made.show()
    qtbot.waitExposed(made)
    made.activateWindow()
    session.sentences += [HEART, LUNGS]
    made.refresh()
    return made


def open_editor(panel: SentencePanel, qtbot: QtBot, row: int) -> SentenceEditor:
    panel.list.setCurrentIndex(panel.list.sentences.index(row))
    panel.list.setFocus()
    qtbot.keyClick(panel.list, Qt.Key.Key_F2)
    assert panel.list.editor is not None
    return panel.list.editor


def test_return_keeps_escape_gives_up(panel: SentencePanel, qtbot: QtBot) -> None:
    editor = open_editor(panel, qtbot, 0)
    assert editor.toPlainText() == HEART.text
    editor.selectAll()
    qtbot.keyClicks(editor, "The heart is normal.")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert panel.texts == ["The heart is normal.", LUNGS.text] and panel.list.editor is None
    editor = open_editor(panel, qtbot, 1)
    qtbot.keyClicks(editor, "xyz")
    qtbot.keyClick(editor, Qt.Key.Key_Escape)
    assert panel.texts == ["The heart is normal.", LUNGS.text] and panel.list.editor is None
    qtbot.keyClick(panel.list, Qt.Key.Key_Z, CTRL)
    assert panel.texts == [HEART.text, LUNGS.text]


def test_a_double_click_edits(panel: SentencePanel, qtbot: QtBot) -> None:
    place = panel.list.visualRect(panel.list.sentences.index(1)).center()
    qtbot.mouseClick(panel.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    qtbot.mouseDClick(panel.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert panel.list.editor is not None and panel.list.editor.toPlainText() == LUNGS.text


def test_split_join_delete_by_keys(panel: SentencePanel, qtbot: QtBot) -> None:
    editor = open_editor(panel, qtbot, 1)
    qtbot.keyClick(editor, Qt.Key.Key_Home)
    for _ in "No effusion":
        qtbot.keyClick(editor, Qt.Key.Key_Right)
    qtbot.keyClick(editor, Qt.Key.Key_Return, SHIFT)
    assert panel.texts == [HEART.text, "No effusion", "no air."]
    panel.list.setCurrentIndex(panel.list.sentences.index(0))
    panel.list.setFocus()
    qtbot.keyClick(panel.list, Qt.Key.Key_M, CTRL)
    assert panel.texts == [f"{HEART.text} No effusion", "no air."]
    panel.list.setCurrentIndex(panel.list.sentences.index(1))
    qtbot.keyClick(panel.list, Qt.Key.Key_Delete)
    assert panel.texts == [f"{HEART.text} No effusion"]
    for _ in range(3):
        qtbot.keyClick(panel.list, Qt.Key.Key_Z, CTRL)
    assert panel.texts == [HEART.text, LUNGS.text]


def test_an_emptied_sentence_goes(panel: SentencePanel, qtbot: QtBot) -> None:
    editor = open_editor(panel, qtbot, 0)
    editor.selectAll()
    qtbot.keyClick(editor, Qt.Key.Key_Delete)
    assert panel.texts == [HEART.text, LUNGS.text], "the key works in the editor, not on the list"
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert panel.texts == [LUNGS.text]


def test_what_is_dictated_meanwhile_leaves_the_editor_open(panel: SentencePanel, session: CaptureSession, qtbot: QtBot) -> None:
    editor = open_editor(panel, qtbot, 1)
    qtbot.keyClicks(editor, " Really.")
    session.sentences.append(SaidSentence("Heard late.", START + S, START + S, "dictation"))
    panel.refresh()
    assert panel.list.editor is editor and editor.toPlainText() == f"{LUNGS.text} Really."
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert panel.texts == ["Heard late.", HEART.text, f"{LUNGS.text} Really."]


def test_rows_say_time_origin_and_change(panel: SentencePanel, qtbot: QtBot) -> None:
    model = panel.list.sentences
    assert model.index(0).data(Qt.ItemDataRole.AccessibleTextRole) == f"00:02 {HEART.text}"
    qtbot.keyClicks(open_editor(panel, qtbot, 1), "!")
    panel.list.end_editing()
    assert model.index(1).data(Qt.ItemDataRole.AccessibleTextRole) == f"00:05 dictated edited {LUNGS.text}!"


def test_nothing_can_be_done_without_a_reading(session: CaptureSession, qtbot: QtBot) -> None:
    session.reading_id, session.state = None, "ready"
    panel = SentencePanel(session)
    qtbot.addWidget(panel)
    panel.show()
    qtbot.keyClick(panel.list, Qt.Key.Key_F2)
    qtbot.keyClick(panel.list, Qt.Key.Key_Z, CTRL)
    assert panel.texts == [] and panel.list.editor is None


# -- kept in the library


def record(library: Library, said: list[SaidSentence]) -> int:
    store = library.store
    reader = store.add_reader("Ada").id
    tracker = TrackerDescription("mouse", "mouse", "Test", "", 100.0)
    utc = datetime(2026, 3, 9, tzinfo=timezone.utc)
    assert reader is not None
    sitting = store.begin_session(CaptureSessionRecord(reader, Screen(800, 600, 300.0, 200.0, 600.0), tracker, 0, utc, "test")).id
    assert sitting is not None
    reading = store.begin_reading(sitting, store.studies()[0].id, START, utc).id
    assert reading is not None
    spoken: Any = tuple(SpokenSentence(s.text, s.onset_ns, s.offset_ns, s.origin) for s in said)  # pyright: ignore[reportArgumentType]
    store.append(reading, RawBatch(GazeSamples.blank(0, "mouse"), (), spoken))
    store.end_reading(reading, "complete", START + 20 * S)
    return reading


def finish(session: CaptureSession, panel: SentencePanel, library: Library, qtbot: QtBot) -> int:
    """End the reading as the capture process does, and let the panel keep what was edited."""
    reading = record(library, session.sentences)
    with qtbot.waitSignal(panel.settled) as settled:
        panel.save(library)
        panel.save(library)
        session.handle({"event": "ended", "reading_id": session.reading_id, "state": "complete"})
        panel.refresh()
    return reading if settled.args == [reading] else -1


def test_what_was_edited_is_a_revision_and_what_was_said_stays(
    panel: SentencePanel, session: CaptureSession, library: Library, qtbot: QtBot
) -> None:
    editor = open_editor(panel, qtbot, 1)
    editor.selectAll()
    qtbot.keyClicks(editor, "No effusion.")
    reading = finish(session, panel, library, qtbot)
    store = library.store
    recorded = store.recorded_sentences(reading)
    assert [one.text for one in recorded] == [HEART.text, LUNGS.text]
    revised = store.sentences(reading)
    assert [(s.text, s.onset_s, s.offset_s, s.origin) for s in revised] == [
        (HEART.text, 2.0, 4.0, "typed"),
        ("No effusion.", 5.0, 9.0, "dictation"),
    ]
    assert [s.id for s in revised] == [s.id for s in recorded]
    assert [revision.reason for revision in store.revisions(reading)] == [REASON]
    assert panel.texts == [] and not panel.list.sentences.rowCount()


def test_what_was_never_edited_is_no_revision(panel: SentencePanel, session: CaptureSession, library: Library, qtbot: QtBot) -> None:
    reading = finish(session, panel, library, qtbot)
    assert library.store.revisions(reading) == ()


def test_trouble_is_told_and_it_can_be_tried_again(panel: SentencePanel, session: CaptureSession, library: Library, qtbot: QtBot) -> None:
    qtbot.keyClicks(open_editor(panel, qtbot, 0), "!")
    with qtbot.waitSignal(panel.failed):
        panel.save(library)  # there is no such reading yet
    assert finish(session, panel, library, qtbot) > 0


def test_the_next_reading_begins_anew(panel: SentencePanel, session: CaptureSession, qtbot: QtBot) -> None:
    qtbot.keyClicks(open_editor(panel, qtbot, 0), "!")
    session.reading_id, session.sentences = 2, [BONES]
    panel.refresh()
    assert panel.texts == [BONES.text]
    qtbot.keyClick(panel.list, Qt.Key.Key_Z, CTRL)
    assert panel.texts == [BONES.text]
    assert QApplication.focusWidget() is not None
