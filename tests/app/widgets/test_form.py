"""The form says what the options declare, says what is wrong in words, and gives back the dataclass."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QLineEdit, QScrollArea
from pytestqt.qtbot import QtBot

from egma_app.widgets.form import OptionRow, OptionsForm
from egma_core.errors import ConfigError
from egma_core.options import group, option
from egma_core.training.config import TrainingConfig


@dataclass(frozen=True)
class Kernel:
    sigma_deg: float = option(1.0, "Width of the Gaussian", unit="deg", low=0.1, high=5.0)
    limit_s: float | None = option(None, "Longest window; none for no limit", unit="s", low=0.0, high=60.0)


@dataclass(frozen=True)
class Choices:
    kernel: Kernel = group(Kernel, "The kernel")
    eye: str = option("average", "Which eye", choices=("left", "right", "average"))
    mirrored: bool = option(False, "Whether films are mirrored")
    names: tuple[str, ...] = option(("a", "b"), "Names, separated by commas")
    count: int = option(3, "How many", low=1, high=9)

    def __post_init__(self) -> None:
        if self.mirrored and self.eye == "left":
            raise ConfigError("A mirrored film cannot be read with the left eye.", "Choose another eye.")


@pytest.fixture
def form(qtbot: QtBot) -> OptionsForm[Choices]:
    form = OptionsForm(Choices, opened=("kernel",))
    qtbot.addWidget(form)
    form.show()
    return form


def line(form: OptionsForm[Choices], name: str) -> QLineEdit:
    return form.row(name).findChild(QLineEdit)


def retype(qtbot: QtBot, edit: QLineEdit, text: str) -> None:
    edit.setFocus()
    edit.selectAll()
    if text:
        qtbot.keyClicks(edit, text)
    else:
        qtbot.keyClick(edit, Qt.Key.Key_Delete)


def words_of(row: OptionRow) -> str:
    return " ".join(label.text() for label in row.findChildren(QLabel) if not label.isHidden())


def test_untouched_form_gives_the_defaults(form: OptionsForm[Choices]) -> None:
    assert form.value() == Choices()
    assert form.changed_names() == ()
    assert form.problems() == ()


def test_every_default_of_the_training_configuration_survives(qtbot: QtBot) -> None:
    form = OptionsForm(TrainingConfig)
    qtbot.addWidget(form)
    assert form.value() == TrainingConfig()


def test_typing_changes_the_value_and_marks_the_row(qtbot: QtBot, form: OptionsForm[Choices]) -> None:
    with qtbot.waitSignal(form.changed):
        retype(qtbot, line(form, "kernel.sigma_deg"), "2.5")
    assert form.value().kernel.sigma_deg == 2.5
    assert form.changed_names() == ("kernel.sigma_deg",)
    assert "●" in words_of(form.row("kernel.sigma_deg"))
    assert "1 changed" in form.section("kernel").header.text()
    assert "changed" in line(form, "kernel.sigma_deg").accessibleName()


def test_out_of_bounds_is_said_in_words_and_refused(qtbot: QtBot, form: OptionsForm[Choices]) -> None:
    retype(qtbot, line(form, "count"), "12")
    assert "outside its range" in words_of(form.row("count"))
    assert any("between 1 and 9" in p for p in form.problems())
    with pytest.raises(ConfigError, match="outside its range"):
        form.value()
    retype(qtbot, line(form, "count"), "7")
    assert form.problems() == ()
    assert form.value().count == 7


@pytest.mark.parametrize(("typed", "said"), [("abc", "not a whole number"), ("", "is empty"), ("2.5", "not a whole number")])
def test_what_is_no_number_is_said_in_words(qtbot: QtBot, form: OptionsForm[Choices], typed: str, said: str) -> None:
    retype(qtbot, line(form, "count"), typed)
    assert said in words_of(form.row("count"))
    with pytest.raises(ConfigError):
        form.value()


def test_fields_that_do_not_fit_together_are_said_below_the_form(form: OptionsForm[Choices]) -> None:
    form.set_value(replace(Choices(), mirrored=False, eye="left"))
    form.row("mirrored").set_value(True, told=True)
    assert any("left eye" in p for p in form.problems())
    assert any("left eye" in label.text() for label in form.findChildren(QLabel) if label.isVisible())


def test_reset_button_goes_back_to_the_default(qtbot: QtBot, form: OptionsForm[Choices]) -> None:
    retype(qtbot, line(form, "count"), "5")
    row = form.row("count")
    button = next(b for b in row.children() if getattr(b, "accessibleName", str)() == "Reset Count to 3")
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert form.value().count == 3
    assert not button.isVisible()


def test_empty_means_none_only_where_allowed(qtbot: QtBot, form: OptionsForm[Choices]) -> None:
    retype(qtbot, line(form, "kernel.limit_s"), "5")
    assert form.value().kernel.limit_s == 5.0
    retype(qtbot, line(form, "kernel.limit_s"), "")
    assert form.value().kernel.limit_s is None


def test_lists_are_typed_with_commas(qtbot: QtBot, form: OptionsForm[Choices]) -> None:
    retype(qtbot, line(form, "names"), "x, y,z")
    assert form.value().names == ("x", "y", "z")
    assert form.changed_names() == ("names",)


def test_set_value_round_trips(form: OptionsForm[Choices]) -> None:
    wanted = Choices(kernel=Kernel(sigma_deg=1 / 3, limit_s=2.0), eye="right", mirrored=True, names=(), count=9)
    form.set_value(wanted)
    assert form.value() == wanted
    form.reset()
    assert form.value() == Choices()


def test_arrow_keys_step_a_number_within_its_bounds(qtbot: QtBot, form: OptionsForm[Choices]) -> None:
    edit = line(form, "count")
    for _ in range(10):
        qtbot.keyClick(edit, Qt.Key.Key_Up)
    assert form.value().count == 9
    qtbot.keyClick(edit, Qt.Key.Key_Down)
    assert form.value().count == 8
    qtbot.keyClick(line(form, "kernel.sigma_deg"), Qt.Key.Key_Up)
    assert form.value().kernel.sigma_deg == 1.1


def test_sections_open_and_close_by_click_and_key(qtbot: QtBot) -> None:
    form = OptionsForm(Choices)
    qtbot.addWidget(form)
    form.show()
    edit, header = line(form, "kernel.sigma_deg"), form.section("kernel").header
    assert not edit.isVisible()
    qtbot.mouseClick(header, Qt.MouseButton.LeftButton)
    assert edit.isVisible()
    qtbot.keyClick(header, Qt.Key.Key_Space)
    assert not edit.isVisible()


def test_show_problem_opens_the_section_of_what_is_wrong(qtbot: QtBot) -> None:
    form = OptionsForm(Choices)
    qtbot.addWidget(form)
    form.show()
    form.activateWindow()
    line(form, "kernel.sigma_deg").setText("99")
    form.show_problem()
    assert line(form, "kernel.sigma_deg").isVisible()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is line(form, "kernel.sigma_deg"))


def test_wheel_over_a_list_without_focus_scrolls_instead_of_changing_it(qtbot: QtBot) -> None:
    form = OptionsForm(TrainingConfig)
    area = QScrollArea()
    area.setWidget(form)
    qtbot.addWidget(area)
    area.show()
    box = form.row("device").findChild(QComboBox)
    at = QPointF(5, 5)
    wheel = QWheelEvent(at, box.mapToGlobal(at), QPoint(), QPoint(0, -120), Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
                        Qt.ScrollPhase.NoScrollPhase, False)  # fmt: skip
    QApplication.sendEvent(box, wheel)
    assert form.value().device == "auto"


def test_every_editor_has_a_name_and_help_for_screen_readers(qtbot: QtBot) -> None:
    form = OptionsForm(TrainingConfig)
    qtbot.addWidget(form)
    editors = [*form.findChildren(QLineEdit), *form.findChildren(QComboBox)]
    assert len(editors) > 20
    assert all(e.accessibleName() and e.accessibleDescription() for e in editors)
