"""A form made from an options dataclass, so that what a configuration declares once is what a person sees and edits.

Nested groups become sections that open and close; each option gets its editor, unit, a line of help, a mark when it
differs from its default, and a button back to it. What is wrong is said in words beside the field.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterator
from typing import Any, Generic, TypeVar, cast

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QGridLayout, QLabel, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from egma_app.widgets.fields import editor_for, title_of, value_text
from egma_app.widgets.tints import ACCENT, WARNING, tint
from egma_core.errors import ConfigError
from egma_core.options import Option, from_mapping, options_of

T = TypeVar("T")

LABEL_WIDTH = 150
EDITOR_WIDTH = 190


class OptionRow(QWidget):
    """One option: mark, label, editor, unit, reset button, and below them its help or what is wrong."""

    edited = Signal()

    def __init__(self, option: Option, owner: type[Any], parent: QWidget) -> None:
        super().__init__(parent)
        self.option = option
        self._owner = owner
        self._title = title_of(option)
        self._editor = editor_for(option, self)
        self._editor.widget.setFixedWidth(EDITOR_WIDTH)
        self._editor.widget.setAccessibleDescription(option.help)
        self._editor.widget.setToolTip(option.help)
        self._editor.edited.connect(self._after_edit)
        self._mark = QLabel(self)
        self._mark.setFixedWidth(10)
        tint(self._mark, ACCENT)
        self._reset = self._reset_button()
        self._help = QLabel(option.help, self, wordWrap=True)
        self._help.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._problem = QLabel(self, wordWrap=True)
        tint(self._problem, WARNING)
        self._lay_out()
        self._show_state()

    def _reset_button(self) -> QToolButton:
        text = value_text(self.option.default) or "empty"
        button = QToolButton(self)
        button.setText("↺")
        button.setAutoRaise(True)
        button.setToolTip(f"Back to {text}")
        button.setAccessibleName(f"Reset {self._title} to {text}")
        policy = button.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        button.setSizePolicy(policy)
        button.clicked.connect(lambda: self.set_value(self.option.default, told=True))
        return button

    def _lay_out(self) -> None:
        label = QLabel(self._title, self)
        label.setFixedWidth(LABEL_WIDTH)
        label.setBuddy(self._editor.widget)
        unit = QLabel(self.option.unit, self)
        unit.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 2, 0, 6)
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(1)
        for column, widget in enumerate((self._mark, label, self._editor.widget, unit, self._reset)):
            grid.addWidget(widget, 0, column)
        grid.addWidget(self._help, 1, 1, 1, 5)
        grid.addWidget(self._problem, 2, 1, 1, 5)
        grid.setColumnStretch(5, 1)

    @property
    def changed(self) -> bool:
        """Whether the value differs from the option's default."""
        try:
            return self.plain() != _plain(self.option.default)
        except ConfigError:
            return True

    @property
    def problem(self) -> str:
        """What is wrong with the value, in words, or ""."""
        try:
            self.plain()
        except ConfigError as error:
            return str(error)
        return ""

    def plain(self) -> Any:
        """The value as plain data, checked against the option's kind, bounds and choices.

        Raises:
            ConfigError: The value is not usable.
        """
        value = self._editor.read()
        if value is not None:
            from_mapping(self._owner, {self.option.name: value})
        return value

    def set_value(self, value: Any, *, told: bool = False) -> None:
        """Show a value; with `told`, as if it had been edited by hand."""
        self._editor.write(value)
        self._show_state()
        if told:
            self.edited.emit()

    def focus(self) -> None:
        """Put the cursor into the editor."""
        self._editor.widget.setFocus(Qt.FocusReason.OtherFocusReason)

    def _after_edit(self) -> None:
        self._show_state()
        self.edited.emit()

    def _show_state(self) -> None:
        changed, problem = self.changed, self.problem
        self._mark.setText("●" if changed else "")
        self._mark.setToolTip(f"Changed from {value_text(self.option.default) or 'empty'}" if changed else "")
        self._reset.setVisible(changed)
        self._problem.setText(f"⚠ {problem}" if problem else "")
        self._problem.setVisible(bool(problem))
        name = f"{self._title}, changed" if changed else self._title
        self._editor.widget.setAccessibleName(f"{name}, {self.option.unit}" if self.option.unit else name)


class Section(QWidget):
    """A group of rows under a header that opens and closes it."""

    def __init__(self, title: str, parent: QWidget, *, opened: bool) -> None:
        super().__init__(parent)
        self._title = title
        self._changed = 0
        self.header = QToolButton(self)
        self.header.setAutoRaise(True)
        self.header.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.header.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.header.setToolTip(f"Open or close: {title}")
        self._body = QWidget(self)
        self.rows = QVBoxLayout(self._body)
        self.rows.setContentsMargins(14, 0, 0, 4)
        self.rows.setSpacing(0)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.header)
        layout.addWidget(self._body)
        self.header.clicked.connect(lambda: self.open(self._body.isHidden()))
        self.open(opened)

    def open(self, opened: bool = True) -> None:
        """Show the rows, or hide them."""
        self._body.setVisible(opened)
        self.header.setArrowType(Qt.ArrowType.DownArrow if opened else Qt.ArrowType.RightArrow)
        self._name()

    def count_changed(self, changed: int) -> None:
        """Say in the header how many values inside differ from their defaults."""
        self._changed = changed
        self._name()

    def _name(self) -> None:
        text = f"{self._title}   ● {self._changed} changed" if self._changed else self._title
        self.header.setText(text)
        self.header.setAccessibleName(f"{text}, {'closed' if self._body.isHidden() else 'opened'}")


class OptionsForm(QWidget, Generic[T]):
    """A form for one options dataclass.

    Args:
        kind: The options dataclass, made with `egma_core.options`.
        opened: Dotted names of the groups that start opened.
        parent: The parent widget.
    """

    changed = Signal()

    def __init__(self, kind: type[T], *, opened: Collection[str] = (), parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kind = kind
        self._rows: dict[str, OptionRow] = {}
        self._sections: dict[str, Section] = {}
        self._problem = QLabel(self)
        self._problem.setWordWrap(True)
        tint(self._problem, WARNING)
        self._problem.hide()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        self._build(kind, "", layout, frozenset(opened))
        layout.addWidget(self._problem)
        layout.addStretch(1)

    def value(self) -> T:
        """The configuration that the form now shows.

        Raises:
            ConfigError: A field, or the fields together, make no usable configuration.
        """
        nested: dict[str, Any] = {}
        for name, row in self._rows.items():
            *groups, last = name.split(".")
            place = nested
            for part in groups:
                place = place.setdefault(part, {})
            plain = row.plain()
            if plain is not None:
                place[last] = plain
        return from_mapping(self._kind, nested)

    def set_value(self, value: T) -> None:
        """Show a configuration, and report it as one change."""
        for name, row in self._rows.items():
            item: Any = value
            for part in name.split("."):
                item = getattr(item, part)
            row.set_value(item)
        self._after_edit()

    def problems(self) -> tuple[str, ...]:
        """What is wrong, in words, one sentence or two a field; empty when the form can be used."""
        found = tuple(f"{title_of(row.option)}: {row.problem}" for row in self._rows.values() if row.problem)
        if found:
            return found
        try:
            self.value()
        except ConfigError as error:
            return (str(error),)
        return ()

    def show_problem(self) -> None:
        """Open the sections above the first field that is wrong, and put the cursor into it."""
        for name, row in self._rows.items():
            if row.problem:
                for section in self._above(name):
                    section.open()
                row.focus()
                return

    def changed_names(self) -> tuple[str, ...]:
        """Dotted names of the options that differ from their defaults."""
        return tuple(name for name, row in self._rows.items() if row.changed)

    def row(self, name: str) -> OptionRow:
        """The row of one option, by its dotted name."""
        return self._rows[name]

    def section(self, name: str) -> Section:
        """One group's section, by its dotted name."""
        return self._sections[name]

    def reset(self) -> None:
        """Put every option back to its default."""
        self.set_value(self._kind())

    def _build(self, kind: type[Any], prefix: str, layout: QVBoxLayout, opened: frozenset[str]) -> None:
        for option in options_of(kind):
            name = f"{prefix}{option.name}"
            if dataclasses.is_dataclass(option.kind):
                section = Section(option.help or title_of(option), self, opened=name in opened)
                self._sections[name] = section
                layout.addWidget(section)
                self._build(cast(type[Any], option.kind), f"{name}.", section.rows, opened)
            else:
                row = OptionRow(option, kind, self)
                row.edited.connect(self._after_edit)
                self._rows[name] = row
                layout.addWidget(row)

    def _above(self, name: str) -> Iterator[Section]:
        parts = name.split(".")[:-1]
        for depth in range(1, len(parts) + 1):
            yield self._sections[".".join(parts[:depth])]

    def _after_edit(self) -> None:
        changed = self.changed_names()
        for name, section in self._sections.items():
            section.count_changed(sum(1 for c in changed if c.startswith(f"{name}.")))
        fields_wrong = any(row.problem for row in self._rows.values())
        whole = "" if fields_wrong else "\n".join(self.problems())
        self._problem.setText(f"⚠ {whole}" if whole else "")
        self._problem.setVisible(bool(whole))
        self.changed.emit()


def _plain(default: Any) -> Any:
    return list(default) if isinstance(default, tuple) else default
