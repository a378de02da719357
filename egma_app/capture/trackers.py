"""The part of the set-up form that chooses the tracker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QObject, QSignalBlocker, Signal
from PySide6.QtWidgets import QComboBox, QFormLayout, QPushButton, QSpinBox

from egma_app.capture.device_search import AT_HAND, DeviceSearch
from egma_app.capture.spotlight_radius import SpotlightRadius
from egma_app.settings import Settings
from egma_app.widgets.labels import quiet_label
from egma_core.trackers.drivers import BUILT_IN, driver_names

_SIMULATED_HZ = (60.0, 120.0, 250.0, 300.0, 600.0, 1200.0)
_ABOUT = {
    "simulated": "Made-up gaze, marked as simulated in every row.",
    "mouse": "The pointer stands in for the eyes, marked as mouse in every row.",
    "replay": "The gaze of a stored reading once more, marked as a replay in every row.",
}


def tracker_title(name: str) -> str:
    """What a driver drives, for people."""
    return BUILT_IN[name].title if name in BUILT_IN else name


class TrackerChoice(QObject):
    """Which driver, which of its trackers, how fast.

    Attributes:
        changed: Emitted when another choice was made.
        display_told: Emitted with width and height in mm of the screen that the chosen tracker is set up for.
        name: The choice of driver.
    """

    changed = Signal()
    display_told = Signal(float, float)

    def __init__(self, settings: Settings, search: DeviceSearch, parent: QObject) -> None:
        """Offer what was chosen last time."""
        super().__init__(parent)
        self._settings = settings
        self._search = search
        self._asked: Mapping[str, Any] = {}
        self.name = QComboBox()
        self.name.setAccessibleName("Tracker")
        for name in driver_names():
            self.name.addItem(tracker_title(name), name)
        remembered = self.name.findData(settings.values.tracker)
        self.name.setCurrentIndex(remembered if remembered >= 0 else self.name.findData("simulated"))
        self.which = QComboBox()
        self.which.setAccessibleName("Which tracker")
        self.which.setEditable(True)
        self.which.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.reading = QSpinBox()
        self.reading.setRange(1, 2_000_000_000)
        self.reading.setAccessibleName("Number of the reading to replay")
        self.rate = QComboBox()
        self.rate.setAccessibleName("Samples per second")
        self.spotlight = SpotlightRadius(settings)
        self.find = QPushButton("Look for trackers")
        self.about = quiet_label()
        self._form: QFormLayout | None = None
        self.name.currentIndexChanged.connect(self._chosen)
        self.which.currentTextChanged.connect(lambda _text: self.changed.emit())
        self.which.activated.connect(self._ask)
        self.find.clicked.connect(search.look)
        search.changed.connect(self._refresh)
        search.asked.connect(self._answered)
        self._offer_rates(settings.values.tracker_rate_hz)
        if settings.values.tracker_address:
            self.which.setEditText(settings.values.tracker_address)

    def add_rows(self, form: QFormLayout) -> None:
        """Add the rows to a form."""
        self._form = form
        form.addRow("Tracker", self.name)
        form.addRow("Which", self.which)
        form.addRow("Reading", self.reading)
        form.addRow("Rate", self.rate)
        form.addRow("Film sharp", self.spotlight)
        form.addRow("", self.about)
        form.addRow("", self.find)
        self._refresh()

    @property
    def driver(self) -> str:
        """The chosen driver's name."""
        return str(self.name.currentData())

    @property
    def address(self) -> str:
        """The address of the tracker, as found or typed; "" for the first that is there."""
        if self.driver in AT_HAND:
            return ""
        chosen = self.which.currentIndex()
        found = chosen >= 0 and self.which.itemText(chosen) == self.which.currentText()
        return str(self.which.itemData(chosen)) if found else self.which.currentText().strip()

    @property
    def rate_hz(self) -> float | None:
        """Samples per second asked for; None for the tracker's own."""
        return None if self.driver in ("mouse", "replay") else self.rate.currentData()

    @property
    def replayed_id(self) -> int | None:
        """The reading to replay, if that is the tracker."""
        return self.reading.value() if self.driver == "replay" else None

    def remember(self) -> None:
        """Offer the same the next time."""
        self._settings.update(tracker=self.driver, tracker_address=self.address, tracker_rate_hz=self.rate_hz or 0.0)

    def look_if_needed(self) -> None:
        """Look for trackers if the chosen one has to be found and nobody has looked yet."""
        if self.driver not in AT_HAND and not self._search.titles and not self._search.looking:
            self._search.look()

    def _chosen(self) -> None:
        self._asked = {}
        with QSignalBlocker(self.which):
            self.which.clear()
        self._offer_rates(0.0)
        self.look_if_needed()
        self._refresh()
        self.changed.emit()

    def _ask(self) -> None:
        if self.address:
            self.about.setText("Asking the tracker…")
            self._search.ask(self.driver, self.address)

    def _answered(self, event: Mapping[str, Any]) -> None:
        if event["driver"] != self.driver:
            return
        self._asked = event
        tracker: Mapping[str, Any] = event.get("tracker") or {}
        self._offer_rates(self.rate_hz or 0.0)
        if tracker.get("display_mm"):
            self.display_told.emit(*tracker["display_mm"])
        self._refresh()

    def _offer_rates(self, chosen_hz: float) -> None:
        tracker: Mapping[str, Any] = self._asked.get("tracker") or {}
        rates = _SIMULATED_HZ if self.driver == "simulated" else tuple(tracker.get("rates_hz", ()))
        with QSignalBlocker(self.rate):
            self.rate.clear()
            own = tracker.get("rate_hz") or (120.0 if self.driver == "simulated" else 0.0)
            self.rate.addItem(f"{own:g} per second, as it is set" if own else "As the tracker is set", None)
            for rate_hz in rates:
                self.rate.addItem(f"{rate_hz:g} per second", rate_hz)
            self.rate.setCurrentIndex(max(self.rate.findData(chosen_hz), 0))

    def _refresh(self) -> None:
        """Show the rows that the driver needs, the trackers that were found, and what is in the way."""
        search, name = self._search, self.driver
        for driver, title in search.titles.items():
            self.name.setItemText(self.name.findData(driver), title)
        self._offer_found()
        self.about.setText(self._words())
        self.find.setText("Looking…" if search.looking else "Look for trackers")
        self.find.setEnabled(not search.looking)
        if self._form is not None:
            hardware = name not in AT_HAND
            for widget, shown in (
                (self.which, hardware),
                (self.reading, name == "replay"),
                (self.spotlight, name == "mouse"),
                (self.rate, hardware or name == "simulated"),
                (self.find, hardware),
            ):
                self._form.setRowVisible(widget, shown)

    def _offer_found(self) -> None:
        typed, address = self.which.currentText(), self.address
        found = [tracker for tracker in self._search.trackers if tracker["driver"] == self.driver]
        with QSignalBlocker(self.which):
            self.which.clear()
            for tracker in found:
                self.which.addItem(f"{tracker['model']} {tracker['serial']}".strip() or tracker["address"], tracker["address"])
            row = self.which.findData(address)
            self.which.setCurrentIndex(row)
            if row < 0:
                self.which.setEditText(typed)
        line = self.which.lineEdit()
        if line is not None:
            line.setPlaceholderText("the first that is found, or its address")

    def _words(self) -> str:
        search, name = self._search, self.driver
        if name in _ABOUT:
            return _ABOUT[name]
        if self._asked.get("trouble"):
            return str(self._asked["trouble"])
        if self._asked:
            tracker = self._asked["tracker"]
            return f"{tracker['model']} {tracker['serial']}, {tracker['rate_hz']:g} samples per second.".replace(" ,", ",")
        if name in search.troubles:
            return search.troubles[name]
        if search.looking:
            return "Looking for trackers; this takes some seconds."
        n = self.which.count()
        if search.titles:
            return f"{n} found." if n else "None was found. Check its cable and power, or type its address."
        return "Nobody has looked for it yet."
