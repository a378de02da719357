"""The form that opens a capture session: who reads, with which tracker, at which screen, with which voice and under which protocol."""

from __future__ import annotations

import shutil
from pathlib import Path

from PySide6.QtCore import QEvent, Qt, Signal
from PySide6.QtGui import QHideEvent, QPalette, QScreen, QShowEvent
from PySide6.QtWidgets import QComboBox, QFormLayout, QLineEdit, QPushButton, QScrollArea, QVBoxLayout, QWidget

from egma_app.capture.device_search import DeviceSearch
from egma_app.capture.protocol_choice import ProtocolChoice
from egma_app.capture.quality_bar import LITTLE_BYTES, room_text
from egma_app.capture.screen_size import ScreenSize
from egma_app.capture.sitting import Setup
from egma_app.capture.trackers import TrackerChoice
from egma_app.capture.voice import VoiceChoice
from egma_app.settings import Settings
from egma_app.widgets.labels import quiet_label
from egma_app.widgets.tints import WARNING, tint


class SetupForm(QWidget):
    """Asks for what a recording needs to know; the devices are looked for beside the window.

    Attributes:
        accepted: Emitted with the `Setup` when the person opens the session.
        search: Knows which devices are there.
        choice: The tracker.
        sizes: The screen.
        voice: The microphone and what turns speech into text.
        protocol: The study protocol.
    """

    accepted = Signal(object)

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        """Offer what was typed last time on the same monitor."""
        super().__init__(parent)
        self._settings = settings
        self._folder: Path | None = None
        self.reader = QLineEdit(settings.values.reader)
        self.reader.setPlaceholderText("Name or code")
        self.search = DeviceSearch(self)
        self.choice = TrackerChoice(settings, self.search, self)
        self.sizes = ScreenSize(settings, self)
        self.voice = VoiceChoice(settings, self.search, self)
        self.protocol = ProtocolChoice(settings, self)
        self.tracker, self.check, self.confirmed = self.choice.name, self.sizes.check, self.sizes.confirmed
        self.width_mm, self.height_mm, self.distance_mm = self.sizes.width_mm, self.sizes.height_mm, self.sizes.distance_mm
        self.disk = quiet_label()
        self.missing = quiet_label()
        self.open_button = QPushButton("Open session")
        self.open_button.setProperty("role", "main")
        self._lay_out()
        self.choice.display_told.connect(self.sizes.take_display)
        for part in (self.choice, self.sizes, self.voice, self.protocol):
            part.changed.connect(self._judge)
        self.confirmed.toggled.connect(self._listen)
        self.reader.textChanged.connect(self._judge)
        self.open_button.clicked.connect(self._accept)
        self.reader.returnPressed.connect(self.open_button.click)
        self._judge()

    def set_monitor(self, screen: QScreen) -> None:
        """Say which monitor the window is on; what was typed for another is not offered for this one."""
        self.sizes.set_monitor(screen)
        self._judge()

    def set_folder(self, folder: Path | None) -> None:
        """Say how much room there is where the library is kept."""
        self._folder = folder
        self._say_room()

    def setup(self) -> Setup | None:
        """What the form says, or None while something is missing or not confirmed."""
        screen = self.sizes.screen()
        if screen is None or self._missing():
            return None
        study = self.protocol.study
        setup = Setup(
            self.reader.text().strip(),
            self.choice.driver,
            screen,
            address=self.choice.address,
            rate_hz=self.choice.rate_hz,
            replayed_id=self.choice.replayed_id,
            microphone=self.voice.microphone_name,
            engine=self.voice.engine_name,
            model=self.voice.model_folder,
            protocol_name=study.protocol.name if study else "",
            protocol_toml=study.toml if study else "",
        )
        return study.typed_only(setup) if study else setup

    def showEvent(self, event: QShowEvent) -> None:
        """Look for what has to be found, and listen if somebody is about to open a session."""
        super().showEvent(event)
        self._say_room()
        self.choice.look_if_needed()
        self._listen(self.confirmed.isChecked())

    def hideEvent(self, event: QHideEvent) -> None:
        """Leave the devices to whoever opens them."""
        super().hideEvent(event)
        self.search.close()

    def _lay_out(self) -> None:
        inside = _Column()
        form = QFormLayout(inside)  # rows are hidden and shown: they must never stand without a parent
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        form.addRow("Reader", self.reader)
        for part in (self.choice, self.sizes, self.voice, self.protocol):
            part.add_rows(form)
        form.addRow("Disk", self.disk)
        for box in inside.findChildren(QComboBox):  # a long name must not push the form wide
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(10)
        form.setContentsMargins(0, 0, 6, 0)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inside)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(area, 1)
        column.addWidget(self.missing)
        column.addWidget(self.open_button)

    def _listen(self, somebody: bool) -> None:
        """No microphone is opened only because the program was: whoever confirms the sizes is there."""
        if somebody:
            self.voice.listen()

    def _missing(self) -> str:
        """What is still needed, in words; "" once the session can be opened."""
        if not self.reader.text().strip():
            return "Type who reads."
        if min(self.sizes.sizes_mm) <= 0:
            return "Type the monitor's size and the distance to it."
        if not self.confirmed.isChecked():
            return "Confirm the sizes."
        return self.voice.trouble or self.protocol.trouble

    def _judge(self) -> None:
        missing = self._missing()
        self.missing.setText(missing)
        self.missing.setVisible(bool(missing))
        self.open_button.setEnabled(self.setup() is not None)

    def _say_room(self) -> None:
        self.disk.setPalette(QPalette())
        if self._folder is None or not self._folder.is_dir():
            self.disk.setText("unknown")
            return
        free = shutil.disk_usage(self._folder).free
        self.disk.setText(room_text(free))
        if free < LITTLE_BYTES:
            tint(self.disk, WARNING)
        self.disk.setForegroundRole(QPalette.ColorRole.WindowText if free < LITTLE_BYTES else QPalette.ColorRole.PlaceholderText)

    def _accept(self) -> None:
        setup = self.setup()
        if setup is None:
            return
        self._settings.update(reader=setup.reader)
        for part in (self.choice, self.sizes, self.voice, self.protocol):
            part.remember()
        self.accepted.emit(setup)


class _Column(QWidget):
    """As tall as its wrapped words need at its width, which a scroll area does not ask for by itself."""

    def event(self, event: QEvent) -> bool:
        """Grow or shrink with what is inside and with the width."""
        done = super().event(event)
        layout = self.layout()
        if event.type() in (QEvent.Type.LayoutRequest, QEvent.Type.Resize) and layout is not None and layout.hasHeightForWidth():
            self.setMinimumHeight(layout.totalHeightForWidth(self.width()))
        return done
