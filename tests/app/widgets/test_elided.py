from __future__ import annotations

from pytestqt.qtbot import QtBot

from egma_app.widgets.elided import ElidedLabel


def test_words_give_way_and_stand_in_the_tooltip(qtbot: QtBot) -> None:
    words = "Dictation is off, for a reason that takes a long sentence to say."
    label = ElidedLabel(words)
    qtbot.addWidget(label)
    assert label.minimumSizeHint().width() == 0 and label.toolTip() == words
    label.resize(80, 20)
    label.show()
    narrow = label.grab().toImage()
    label.setText(f"{words} And more.")
    assert label.text() == label.toolTip() == f"{words} And more."
    assert label.grab().toImage() == narrow, "as much as there is room for, then an ellipsis"
    label.resize(900, 20)
    assert label.grab().toImage().copy(narrow.rect()) != narrow
