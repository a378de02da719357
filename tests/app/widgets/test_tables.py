"""Tables of records sort by value, filter by words, and open by key and double click."""

from __future__ import annotations

import time
from dataclasses import dataclass

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester
from pytestqt.qtbot import QtBot

from egma_app.widgets.tables import Column, RecordTable


@dataclass(frozen=True)
class Row:
    id: int
    name: str
    loss: float


COLUMNS = (
    Column[Row]("Name", lambda r: r.name, help="Whose"),
    Column[Row]("Loss", lambda r: f"{r.loss:.0%}", key=lambda r: r.loss, number=True, mark=lambda r: f"{r.loss:.3f} of all samples"),
)
ROWS = (Row(1, "Ada", 0.5), Row(2, "bea", 0.09), Row(3, "Carl Ada", 0.1))


@pytest.fixture
def table(qtbot: QtBot) -> RecordTable[Row]:
    table = RecordTable("Rows", COLUMNS)
    qtbot.addWidget(table)
    table.show_records(ROWS)
    table.resize(400, 200)
    table.show()
    return table


def click_header(qtbot: QtBot, table: RecordTable[Row], column: int) -> None:
    header = table.horizontalHeader()
    at = header.rect().center()
    at.setX(header.sectionViewportPosition(column) + 10)
    qtbot.mouseClick(header.viewport(), Qt.MouseButton.LeftButton, pos=at)


def test_header_click_sorts_by_value_not_by_words(qtbot: QtBot, table: RecordTable[Row]) -> None:
    click_header(qtbot, table, 1)
    first = [r.id for r in table.shown()]
    click_header(qtbot, table, 1)
    assert {tuple(first), tuple(r.id for r in table.shown())} == {(2, 3, 1), (1, 3, 2)}
    click_header(qtbot, table, 0)
    names = [r.name for r in table.shown()]
    assert names in (["Ada", "bea", "Carl Ada"], ["Carl Ada", "bea", "Ada"])


def test_filter_wants_every_word_in_any_case(table: RecordTable[Row]) -> None:
    table.filter("ADA")
    assert {r.id for r in table.shown()} == {1, 3}
    table.filter("ada 10%")
    assert [r.id for r in table.shown()] == [3]
    table.filter("nobody")
    assert table.shown() == ()
    table.filter("")
    assert len(table.shown()) == 3


def test_enter_and_double_click_open(qtbot: QtBot, table: RecordTable[Row]) -> None:
    table.choose(lambda r: r.id == 2)
    with qtbot.waitSignal(table.opened) as said:
        qtbot.keyClick(table, Qt.Key.Key_Return)
    assert said.args == [ROWS[1]]
    row = next(i for i, r in enumerate(table.shown()) if r.id == 3)
    at = table.visualRect(table.model().index(row, 0)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=at)
    with qtbot.waitSignal(table.opened) as said:
        qtbot.mouseDClick(table.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert said.args == [ROWS[2]]


def test_arrow_keys_choose(qtbot: QtBot, table: RecordTable[Row]) -> None:
    table.choose(lambda r: r == table.shown()[0])
    with qtbot.waitSignal(table.chosen) as said:
        qtbot.keyClick(table, Qt.Key.Key_Down)
    assert said.args == [table.shown()[1]]
    assert table.current() == table.shown()[1]


def test_new_records_keep_the_chosen_one(table: RecordTable[Row]) -> None:
    table.choose(lambda r: r.id == 3)
    table.show_records([Row(9, "Zoe", 1.0), Row(3, "Carl", 0.4)], same=lambda r: r.id)
    assert table.current() == Row(3, "Carl", 0.4)


def test_new_records_leave_the_list_where_it_was_scrolled_to(table: RecordTable[Row]) -> None:
    rows = [Row(i, f"P{i}", 0.0) for i in range(200)]
    table.show_records(rows)
    table.choose(lambda r: r.id == 0)
    table.verticalScrollBar().setValue(90)
    table.show_records(rows, same=lambda r: r.id)
    assert table.verticalScrollBar().value() == 90


def test_numbers_are_flush_right_and_tooltips_say_more(table: RecordTable[Row]) -> None:
    cell = table.model().index(0, 1)
    assert cell.data(Qt.ItemDataRole.TextAlignmentRole) & Qt.AlignmentFlag.AlignRight
    assert cell.data(Qt.ItemDataRole.ToolTipRole).endswith("of all samples")
    assert table.model().headerData(0, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole) == "Whose"


def test_thousands_of_rows_are_fast(table: RecordTable[Row]) -> None:
    rows = [Row(i, f"P{i % 977:04d} reader {i % 7}", (i * 37 % 1000) / 1000) for i in range(5000)]
    start = time.perf_counter()
    table.show_records(rows)
    table.sortByColumn(1, Qt.SortOrder.AscendingOrder)
    table.filter("p0012")
    assert time.perf_counter() - start < 2.0
    assert all("P0012" in r.name for r in table.shown())
    assert len(table.shown()) == 6


def test_model_is_sound(table: RecordTable[Row]) -> None:
    QAbstractItemModelTester(table.model(), QAbstractItemModelTester.FailureReportingMode.Fatal)
    table.show_records(ROWS[:1])
    table.filter("x")
