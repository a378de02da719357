"""Options declared once: default, unit, bounds and a line of help beside each field of a dataclass.

The command line, the TOML files, the settings page and the training form all read the same declarations.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from egma_core.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True)
class Option:
    """What a form, a file or a help page needs to know of one field.

    Attributes:
        name: The field's name.
        kind: Its type: bool, int, float, str, a tuple, or another options dataclass.
        default: Its default value.
        help: One line: what it does and why one would change it.
        unit: The unit, or "".
        low: Smallest allowed value, or None.
        high: Largest allowed value, or None.
        choices: The allowed values, or () for any.
        optional: Whether None is allowed.
    """

    name: str
    kind: Any
    default: Any
    help: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[Any, ...] = ()
    optional: bool = False


def option(
    default: Any, help: str, *, unit: str = "", low: float | None = None, high: float | None = None, choices: tuple[Any, ...] = ()
) -> Any:
    """Declare a dataclass field with its help, unit and bounds."""
    declared = {"help": help, "unit": unit, "low": low, "high": high, "choices": choices}
    return dataclasses.field(default=default, metadata=declared)


def group(kind: type[T], help: str) -> T:
    """Declare a field that holds a nested group of options, all at their defaults."""
    field = dataclasses.field(default_factory=kind, metadata={"help": help})
    return typing.cast(T, field)


def options_of(kind: type[Any]) -> tuple[Option, ...]:
    """The options of a dataclass, in order."""
    hints = typing.get_type_hints(kind)
    found: list[Option] = []
    for field in dataclasses.fields(kind):
        hint, optional = _without_none(hints[field.name])
        default = field.default if field.default is not dataclasses.MISSING else None
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        declared: dict[str, Any] = {"help": "", **field.metadata}
        found.append(Option(name=field.name, kind=hint, default=default, optional=optional, **declared))
    return tuple(found)


def from_mapping(kind: type[T], values: Mapping[str, Any], where: str = "") -> T:
    """Build an options dataclass from nested plain values, as read from TOML or JSON.

    Args:
        kind: The options dataclass.
        values: Plain values by field name; missing ones keep their defaults.
        where: The section's dotted name, for messages.

    Raises:
        ConfigError: A name is unknown, or a value has the wrong type or lies out of bounds.
    """
    options = {o.name: o for o in options_of(kind)}
    unknown = sorted(set(values) - set(options))
    if unknown:
        known = ", ".join(options)
        raise ConfigError(f"There is no setting {where}{unknown[0]}.", f"Known here: {known}.")
    return kind(**{name: _checked(options[name], value, where) for name, value in values.items()})


def to_mapping(value: Any) -> dict[str, Any]:
    """Nested plain values of an options dataclass, ready for TOML or JSON; None is left out."""
    plain: dict[str, Any] = {}
    for field in dataclasses.fields(value):
        item = getattr(value, field.name)
        if dataclasses.is_dataclass(item):
            plain[field.name] = to_mapping(item)
        elif item is not None:
            plain[field.name] = list(item) if isinstance(item, tuple) else item
    return plain


def _without_none(hint: Any) -> tuple[Any, bool]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        arguments = [a for a in typing.get_args(hint) if a is not type(None)]
        return arguments[0], len(arguments) < len(typing.get_args(hint))
    return hint, False


def _checked(option: Option, value: Any, where: str) -> Any:
    name = f"{where}{option.name}"
    if value is None and option.optional:
        return None
    if dataclasses.is_dataclass(option.kind) and isinstance(option.kind, type):
        if not isinstance(value, Mapping):
            raise ConfigError(f"{name} must be a group of settings, not {value!r}.")
        return from_mapping(option.kind, typing.cast(Mapping[str, Any], value), f"{name}.")
    if typing.get_origin(option.kind) is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{name} must be a list, not {value!r}.")
        element = typing.get_args(option.kind)[0]
        return tuple(_typed(element, item, name) for item in typing.cast(list[Any], value))
    typed = _typed(option.kind, value, name)
    if option.choices and typed not in option.choices:
        raise ConfigError(f"{name} cannot be {typed!r}.", f"Choose one of: {', '.join(map(str, option.choices))}.")
    too_low = option.low is not None and typed < option.low
    too_high = option.high is not None and typed > option.high
    if too_low or too_high:
        raise ConfigError(f"{name} is {typed}, outside its range.", f"It must lie between {option.low} and {option.high}.")
    return typed


def _typed(kind: Any, value: Any, name: str) -> Any:
    if typing.get_origin(kind) is typing.Literal:
        kind = str
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ConfigError(f"{name} must be {kind.__name__}, not {value!r}.")
    if kind is float and not math.isfinite(value):
        raise ConfigError(f"{name} must be a finite number, not {value!r}.")
    return value
