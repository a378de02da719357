"""What trackers, microphones and engines there are, found out by a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QObject, Signal

from egma_app import jobs
from egma_core.trackers.drivers import driver_names

DEVICES = "egma_core.recording.devices"

_EXIT_MS = 1500  # a search that does not let go by then is ended: nobody waits for it

AT_HAND = ("simulated", "mouse", "replay")
"""Drivers whose trackers need not be looked for."""


class DeviceSearch(QObject):
    """Knows which trackers, microphones and engines are there, as far as its process has found out.

    Attributes:
        changed: Emitted when more has been found, or when everybody has looked.
        asked: Emitted with what a tracker answered, a dict: `tracker`, its description, or `trouble`.
        level: Emitted with how loud the microphone is that is listened to: dB of full scale, or None.
        looking: Whether the search still goes on.
        titles: What each driver drives, by its name.
        trackers: What was found: dicts with driver, model, serial and address.
        troubles: Why a driver could not look, by its name.
        microphones: Names of microphones.
        engines: Engines that turn speech into text, each with why it cannot be used ("" if it can).
    """

    changed = Signal()
    asked = Signal(object)
    level = Signal(object)

    def __init__(self, parent: QObject) -> None:
        """Know nothing yet; no process runs."""
        super().__init__(parent)
        self._child: jobs.Child | None = None
        self.looking = False
        self.titles: dict[str, str] = {}
        self.trackers: list[dict[str, Any]] = []
        self.troubles: dict[str, str] = {}
        self.microphones: list[str] = []
        self.microphone_trouble = ""
        self.engines: dict[str, str] = {}

    def look(self) -> None:
        """Look for everything anew."""
        self.looking = True
        self._send({"do": "find"})
        self.changed.emit()

    def ask(self, driver: str, address: str) -> None:
        """Ask a tracker about itself; `asked` follows."""
        self._send({"do": "ask", "driver": driver, "address": address})

    def listen(self, microphone: str, options: Mapping[str, str]) -> None:
        """Listen to a microphone, without keeping what is heard; `level` follows again and again."""
        self.microphone_trouble = ""
        self._send({"do": "listen", "microphone": microphone, "options": dict(options)})

    def hush(self) -> None:
        """Listen no more."""
        if self._child is not None:
            self._child.send({"do": "hush"})

    def close(self) -> None:
        """End the process: whoever opens the devices next finds them free."""
        child, self._child = self._child, None
        self.looking = False
        if child is not None:
            child.ended.disconnect(self._gone)
            child.finish()
            child.wait(_EXIT_MS)
            child.deleteLater()

    def _send(self, command: Mapping[str, Any]) -> None:
        if self._child is None:
            self._child = jobs.Child(DEVICES, "The search for devices", parent=self)
            self._child.received.connect(self._take)
            self._child.ended.connect(self._gone)
            self._child.start()
        self._child.send(command)

    def _gone(self, words: str, _ok: bool) -> None:
        child, self._child = self._child, None
        self.looking = False
        if child is not None:
            child.deleteLater()
        self.troubles = {name: words for name in driver_names() if name not in AT_HAND}
        self.changed.emit()

    def _take(self, event: Mapping[str, Any]) -> None:
        kind = event["event"]
        if kind == "level":
            self.level.emit(event["db"])
            return
        if kind == "asked":
            self.asked.emit(event)
            return
        if kind == "driver":
            self.titles[event["name"]] = event["title"]
        elif kind == "engine":
            self.engines[event["name"]] = event["trouble"]
        elif kind == "microphones":
            self.microphones = list(event["found"])
            self.microphone_trouble = event.get("trouble", "") or self.microphone_trouble
        elif kind == "found":
            self.trackers, self.troubles, self.looking = list(event["trackers"]), dict(event["troubles"]), not event["done"]
        elif kind == "error":
            self.microphone_trouble = f"{event['what']} {event.get('remedy', '')}".strip()
            self.level.emit(None)
        self.changed.emit()
