"""One editor for each kind of option: a widget, and how the option's plain value is read from it and written to it."""

from __future__ import annotations

import typing
from typing import Any

from PySide6.QtCore import QEvent, QObject, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QCheckBox, QComboBox, QLineEdit, QWidget

from egma_core.errors import ConfigError
from egma_core.options import Option

NONE_TEXT = "none"


def title_of(option: Option) -> str:
    """The option's name as a person reads it: words, first one capitalised, without the unit's suffix."""
    name = option.name.removesuffix(f"_{option.unit}") if option.unit else option.name
    words = name.replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def value_text(value: Any) -> str:
    """A value as the editors write it: shortest exact number, list items joined by commas, `none` for None."""
    if value is None:
        return NONE_TEXT
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple | list):
        return ", ".join(value_text(item) for item in value)
    return repr(value) if isinstance(value, float) else str(value)


def choices_of(option: Option) -> tuple[Any, ...]:
    """The values an option may take, or () for any."""
    if typing.get_origin(option.kind) is typing.Literal:
        return option.choices or typing.get_args(option.kind)
    return option.choices


class Editor(QObject):
    """What a form needs from the editor of one option.

    Attributes:
        widget: The widget to place in the form.
    """

    edited = Signal()
    widget: QWidget

    def read(self) -> Any:
        """The plain value now in the widget.

        Raises:
            ConfigError: What was typed is not of the option's kind.
        """
        raise NotImplementedError

    def write(self, value: Any) -> None:
        """Put a value into the widget without reporting an edit."""
        raise NotImplementedError


class SwitchEditor(Editor):
    """A check box, for true or false."""

    def __init__(self, option: Option, parent: QWidget) -> None:
        super().__init__(parent)
        self.widget = self._box = QCheckBox(parent)
        self.write(option.default)
        self._box.toggled.connect(lambda _on: self.edited.emit())

    def read(self) -> bool:
        """Whether the box is ticked."""
        return self._box.isChecked()

    def write(self, value: Any) -> None:
        """Tick the box, or not."""
        with QSignalBlocker(self._box):
            self._box.setChecked(bool(value))


class ChoiceEditor(Editor):
    """A drop-down list, for an option with a few allowed values."""

    def __init__(self, option: Option, parent: QWidget) -> None:
        super().__init__(parent)
        self._values: list[Any] = [*([None] if option.optional else []), *choices_of(option)]
        self.widget = self._box = QComboBox(parent)
        self._box.addItems([value_text(v) for v in self._values])
        self._box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._box.installEventFilter(self)
        self.write(option.default)
        self._box.currentIndexChanged.connect(lambda _index: self.edited.emit())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the wheel scroll the form, not change a value that only lay under the pointer."""
        if event.type() == QEvent.Type.Wheel and not self._box.hasFocus():
            event.ignore()
            return True
        return super().eventFilter(watched, event)

    def read(self) -> Any:
        """The chosen value."""
        return self._values[self._box.currentIndex()]

    def write(self, value: Any) -> None:
        """Choose a value."""
        with QSignalBlocker(self._box):
            self._box.setCurrentIndex(self._values.index(value))


class _NumberLine(QLineEdit):
    """A line for a number in which Up and Down step it: by one, or by a tenth of its size."""

    stepped = Signal(int)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Turn Up and Down into steps."""
        steps = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1}
        step = steps.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            self.stepped.emit(step)


class TextEditor(Editor):
    """A line of text, for strings, numbers and lists; empty means None where the option allows it."""

    def __init__(self, option: Option, parent: QWidget) -> None:
        super().__init__(parent)
        self._option = option
        self._exact: tuple[str, Any] = ("", None)
        number = option.kind in (int, float)
        self.widget = self._line = _NumberLine(parent) if number else QLineEdit(parent)
        if isinstance(self._line, _NumberLine):
            self._line.setAlignment(Qt.AlignmentFlag.AlignRight)
            self._line.stepped.connect(self._step)
        if option.optional:
            self._line.setPlaceholderText(NONE_TEXT)
        self.write(option.default)
        self._line.textChanged.connect(lambda _text: self.edited.emit())

    def read(self) -> Any:
        """The typed value; text that was not touched gives back the exact value it was written from."""
        text = self._line.text().strip()
        if text == self._exact[0]:
            return self._exact[1]
        if self._option.optional and text in ("", NONE_TEXT):
            return None
        if typing.get_origin(self._option.kind) is tuple:
            element = typing.get_args(self._option.kind)[0]
            return [self._parsed(element, item.strip()) for item in text.split(",") if item.strip()]
        return self._parsed(self._option.kind, text)

    def write(self, value: Any) -> None:
        """Put a value into the line."""
        text = "" if value is None else value_text(value)
        self._exact = (text, list(value) if isinstance(value, tuple) else value)
        with QSignalBlocker(self._line):
            self._line.setText(text)

    def _parsed(self, kind: Any, text: str) -> Any:
        if kind not in (int, float):
            return text
        try:
            return kind(text)
        except ValueError:
            wanted = "a whole number" if kind is int else "a number"
            said = f"“{text}” is not {wanted}." if text else f"{title_of(self._option)} is empty."
            raise ConfigError(said, f"Type {wanted} such as {value_text(self._option.default)}.") from None

    def _step(self, direction: int) -> None:
        try:
            value = self.read()
        except ConfigError:
            return
        if value is None:
            return
        if self._option.kind is int:
            stepped: float = value + direction
        else:
            stepped = float(f"{value + direction * (abs(value) / 10 or 0.01):.6g}")
        low, high = self._option.low, self._option.high
        stepped = stepped if low is None else max(stepped, self._option.kind(low))
        stepped = stepped if high is None else min(stepped, self._option.kind(high))
        self._line.setText(value_text(stepped))


def editor_for(option: Option, parent: QWidget) -> Editor:
    """The editor that suits an option's kind."""
    if option.kind is bool:
        return SwitchEditor(option, parent)
    if choices_of(option):
        return ChoiceEditor(option, parent)
    return TextEditor(option, parent)
