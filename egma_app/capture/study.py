"""A study protocol in the window: whose cases are read in which order, with which keys, and what a reader must not see."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping

from PySide6.QtGui import QAction, QKeySequence

from egma_app import actions
from egma_app.capture.calibration.advice import RecalibrationLimits
from egma_app.capture.dictation import Mode
from egma_app.capture.sitting import Setup
from egma_app.widgets.words import count_text
from egma_core.errors import ConfigError
from egma_core.recording.protocol import StudyProtocol, parse_protocol

_FREE = ("capture", "viewer")


@dataclasses.dataclass(frozen=True)
class Study:
    """A study protocol as the window keeps to it.

    Attributes:
        protocol: What was written.
        toml: As it was written.
    """

    protocol: StudyProtocol
    toml: str

    @classmethod
    def parse(cls, toml: str) -> Study:
        """Read a protocol's text.

        Raises:
            ConfigError: It cannot be kept to, and why.
        """
        protocol = parse_protocol(toml)
        check_keys(protocol.keys)
        return cls(protocol, toml)

    @classmethod
    def of(cls, setup: Setup) -> Study | None:
        """The protocol of a sitting, or None without one.

        Raises:
            ConfigError: It cannot be kept to, and why.
        """
        return cls.parse(setup.protocol_toml) if setup.protocol_toml else None

    @property
    def words(self) -> str:
        """What it is, in a line or two."""
        protocol = self.protocol
        n = count_text(len(protocol.cases), "case") if protocol.cases else "every study of the library"
        order = "as listed" if protocol.order == "listed" else "in an order of the reader's own"
        return "\n".join(part for part in (f"{protocol.name}: {n}, {order}.", protocol.description) if part)

    @property
    def mode(self) -> Mode | None:
        """How dictation listens, where that is fixed."""
        return self.protocol.dictation if self.protocol.dictation in ("push", "continuous") else None

    @property
    def recalibration(self) -> RecalibrationLimits:
        """From where on a new calibration is suggested."""
        limits = self.protocol.calibration
        return RecalibrationLimits(limits.cases, limits.drift_deg)

    @property
    def confinement(self) -> str:
        """Why the other workspaces are closed while its sitting is open; "" where nothing is blinded."""
        blinds = self.protocol.blinds
        hidden = [
            *(["the labels of the cases"] if blinds.labels else []),
            *(["other readers' work"] if blinds.other_readers else []),
        ]
        if not hidden:
            return ""
        return f"The study “{self.protocol.name}” hides {' and '.join(hidden)} from its readers. End the session first."

    def typed_only(self, setup: Setup) -> Setup:
        """The set-up without what the protocol does not allow: words that are typed only need no engine."""
        return dataclasses.replace(setup, engine="", model="") if self.protocol.dictation == "typed" else setup


def check_keys(keys: Mapping[str, str]) -> None:
    """See that keys can be set like this.

    Raises:
        ConfigError: An action is not known, a key is none, or two actions would share one.
    """
    known = {row.id for row in actions.ACTIONS if row.workspace in _FREE}
    for name, key in keys.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            how = f"Did you mean '{near[0]}'?" if near else "Name actions of capture or film, such as capture.sign_off or view.fit."
            raise ConfigError(f"The study protocol sets keys of '{name}', which cannot be set.", how)
        if key and not QKeySequence(key).toString():
            raise ConfigError(
                f"The study protocol gives '{name}' the keys '{key}', which no keyboard has.", "Write keys as in Ctrl+Return."
            )
    table = tuple(dataclasses.replace(row, shortcut=keys.get(row.id, row.shortcut)) for row in actions.ACTIONS)
    if met := actions.collisions(table):
        raise ConfigError(f"The study protocol gives '{met[0][0]}' and '{met[0][1]}' the same keys.", "Give each its own.")


def set_keys(bound: Iterable[QAction], keys: Mapping[str, str]) -> None:
    """Give actions the keys of a protocol, and every other action its own."""
    rows = {row.id: row for row in actions.ACTIONS}
    for action in bound:
        row = rows.get(action.objectName())
        if row is not None:
            row = dataclasses.replace(row, shortcut=keys.get(row.id, row.shortcut))
            action.setShortcut(QKeySequence(row.shortcut))
            action.setToolTip(actions.tip(row))
