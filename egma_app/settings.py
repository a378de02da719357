"""The window's settings, declared once, kept as one INI file; nothing in it concerns a patient."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs
from PySide6.QtCore import QByteArray, QSettings

from egma_core.errors import ConfigError
from egma_core.options import Option, from_mapping, option, options_of

_DRAGS = ("window", "pan", "zoom")


@dataclass(frozen=True)
class Preferences:
    """What the window remembers from one day to the next."""

    library: str = option("", "The library opened last; it is opened again at the next start.")
    checkpoint: str = option("", "The checkpoint used last by the explorer.")
    recent_checkpoints: str = option("", "The checkpoints used by the explorer, newest first, one a line.")
    reader: str = option("", "The reader's name or code, offered when a session starts.")
    tracker: str = option("simulated", "The name of the tracker's driver chosen last.")
    tracker_address: str = option("", "The tracker's address chosen last; empty for the first that is found.")
    tracker_rate_hz: float = option(0.0, "Samples per second chosen last; 0 for the tracker's own.", unit="Hz", low=0.0, high=10_000.0)
    microphone: str = option("", "The microphone chosen last; empty to record no voice.")
    engine: str = option("", "What turned speech into text last; empty for typing alone.")
    speech_model: str = option("", "The folder of that engine's model, where it needs one.")
    protocol: str = option("", "The file of the study protocol chosen last.")
    screen: str = option("", "The monitor that the sizes below were typed for.")
    screen_width_mm: float = option(0.0, "Lit width of that monitor; 0 until somebody has typed it.", unit="mm", low=0.0, high=3000.0)
    screen_height_mm: float = option(0.0, "Lit height of that monitor; 0 until somebody has typed it.", unit="mm", low=0.0, high=3000.0)
    distance_mm: float = option(0.0, "Eye to screen; 0 until somebody has typed it.", unit="mm", low=0.0, high=3000.0)
    calibration_points: int = option(5, "How many points the tracker is calibrated on.", choices=(5, 9))
    calibration_pace: str = option("auto", "Whether targets go on by themselves or wait for the space bar.", choices=("auto", "space"))
    dictation_mode: str = option(
        "push", "Whether dictation listens while its key says so, or all the time.", choices=("push", "continuous")
    )
    spotlight_deg: float = option(
        0.0,
        "Mouse in place of gaze: how far around the pointer the film is sharp; 0 leaves all of it sharp.",
        unit="deg",
        low=0.0,
        high=20.0,
    )
    left_drag: str = option("window", "What dragging with the left mouse button does to the film.", choices=_DRAGS)
    middle_drag: str = option("pan", "What dragging with the middle mouse button does to the film.", choices=_DRAGS)
    right_drag: str = option("zoom", "What dragging with the right mouse button does to the film.", choices=_DRAGS)


def settings_path() -> Path:
    """The INI file: `EGMA_SETTINGS` where set, else the platform's place for a user's configuration."""
    given = os.environ.get("EGMA_SETTINGS", "")
    return Path(given) if given else Path(platformdirs.user_config_dir("egma", appauthor=False)) / "settings.ini"


class Settings:
    """The settings file, read once and written at every change.

    A value of the file that is out of bounds or of the wrong type falls back to its default: an old or edited file
    never keeps the window from opening.

    Attributes:
        values: The current preferences.
    """

    def __init__(self, path: Path | None = None) -> None:
        """Read the file at `path`, or at `settings_path()`."""
        self.path = path or settings_path()
        self._file = QSettings(str(self.path), QSettings.Format.IniFormat)
        self.values = from_mapping(Preferences, {o.name: self._read(o) for o in options_of(Preferences)})

    def update(self, **changes: Any) -> None:
        """Change some preferences and write them.

        Raises:
            ConfigError: A name is unknown, or a value has the wrong type or lies out of bounds.
        """
        current = {o.name: getattr(self.values, o.name) for o in options_of(Preferences)}
        self.values = from_mapping(Preferences, {**current, **changes})
        for field in dataclasses.fields(Preferences):
            self._file.setValue(f"preferences/{field.name}", getattr(self.values, field.name))
        self._file.sync()

    def layout(self, name: str) -> QByteArray:
        """The remembered geometry or state of a window or splitter; empty where there is none."""
        value = self._file.value(f"layout/{name}")
        return value if isinstance(value, QByteArray) else QByteArray()

    def keep_layout(self, name: str, value: QByteArray) -> None:
        """Remember the geometry or state of a window or splitter."""
        self._file.setValue(f"layout/{name}", value)
        self._file.sync()

    def _read(self, declared: Option) -> Any:
        text = self._file.value(f"preferences/{declared.name}")
        if text is None:
            return declared.default
        try:
            value = declared.kind(text)
            from_mapping(Preferences, {declared.name: value})
        except (ConfigError, TypeError, ValueError):
            return declared.default
        return value
