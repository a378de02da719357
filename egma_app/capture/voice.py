"""The part of the set-up form that chooses the microphone, with its level, and what turns speech into text."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QRectF, QSignalBlocker, QSize, Signal
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QComboBox, QFileDialog, QFormLayout, QHBoxLayout, QLineEdit, QPushButton, QWidget

from egma_app.capture.device_search import DeviceSearch
from egma_app.capture.dictation_mode import DictationMode
from egma_app.settings import Settings
from egma_app.widgets.labels import quiet_label
from egma_app.widgets.tints import ACCENT, WARNING

_LOWEST_DB, _LOUD_DB = -60.0, -3.0
_NEEDS_MODEL = "whisper"
_ENGINES = {"moonshine": "Moonshine, built in", "whisper": "Whisper, from a folder"}
_DEFAULT = "default"


class LevelMeter(QWidget):
    """A thin bar that shows how loud a microphone is; what it shows is also its accessible description."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Show silence."""
        super().__init__(parent)
        self._db: float | None = None
        self.setAccessibleName("Microphone level")
        self.setMinimumHeight(10)

    def sizeHint(self) -> QSize:
        """Thin and wide."""
        return QSize(160, 10)

    def show_level(self, db: float | None) -> None:
        """Show a level in dB of full scale, or none."""
        self._db = db
        self.setAccessibleDescription("silent" if db is None else f"{db:.0f} dB")
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the bar."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        track = QRectF(0, self.height() / 2 - 3, self.width(), 6)
        painter.setPen(QColor(0, 0, 0, 0))
        painter.setBrush(self.palette().color(QPalette.ColorRole.Mid))
        painter.drawRoundedRect(track, 3, 3)
        share = 0.0 if self._db is None else min(max((self._db - _LOWEST_DB) / -_LOWEST_DB, 0.0), 1.0)
        if share > 0:
            painter.setBrush(QColor(WARNING if self._db is not None and self._db > _LOUD_DB else ACCENT))
            painter.drawRoundedRect(QRectF(track.left(), track.top(), max(share * track.width(), 6), track.height()), 3, 3)


class VoiceChoice(QObject):
    """Which microphone, and which engine.

    Attributes:
        changed: Emitted when another choice was made.
    """

    changed = Signal()

    def __init__(self, settings: Settings, search: DeviceSearch, parent: QObject) -> None:
        """Offer what was chosen last time."""
        super().__init__(parent)
        self._settings = settings
        self._search = search
        self.microphone = QComboBox()
        self.microphone.setAccessibleName("Microphone")
        self.meter = LevelMeter()
        self.about = quiet_label()
        self.engine = QComboBox()
        self.engine.setAccessibleName("What turns speech into text")
        self.mode = DictationMode(settings)
        self.model = QLineEdit(settings.values.speech_model)
        self.model.setPlaceholderText("folder of the model")
        self._choose = QPushButton("…")
        self._choose.setAccessibleName("Choose the model's folder")
        self._choose.clicked.connect(self._choose_model)
        self._model_row = QWidget()
        row = QHBoxLayout(self._model_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.model, 1)
        row.addWidget(self._choose)
        self._form: QFormLayout | None = None
        self._offer(settings.values.microphone, settings.values.engine)
        self.microphone.currentIndexChanged.connect(self._chosen)
        self.engine.currentIndexChanged.connect(self._chosen)
        self.model.textChanged.connect(lambda _text: self.changed.emit())
        search.changed.connect(self._found)
        search.level.connect(self.meter.show_level)

    def add_rows(self, form: QFormLayout) -> None:
        """Add the rows to a form."""
        self._form = form
        form.addRow("Microphone", self.microphone)
        form.addRow("Level", self.meter)
        form.addRow("", self.about)
        form.addRow("Dictation", self.engine)
        form.addRow("Listens", self.mode)
        form.addRow("Model", self._model_row)
        self._refresh()

    @property
    def microphone_name(self) -> str:
        """The chosen microphone; "" for none."""
        return str(self.microphone.currentData() or "")

    @property
    def engine_name(self) -> str:
        """The chosen engine; "" for typing alone, which is all there is without a microphone."""
        return str(self.engine.currentData() or "") if self.microphone_name else ""

    @property
    def model_folder(self) -> str:
        """The folder of the engine's model; "" where it needs none."""
        return self.model.text().strip() if self.engine_name == _NEEDS_MODEL else ""

    @property
    def trouble(self) -> str:
        """What keeps the choice from being used, in words; "" if nothing does."""
        if self.engine_name == _NEEDS_MODEL and not Path(self.model_folder or "?").is_dir():
            return "Choose the folder of Whisper's model."
        return ""

    def remember(self) -> None:
        """Offer the same the next time."""
        self._settings.update(microphone=self.microphone_name, engine=self.engine_name, speech_model=self.model.text().strip())

    def listen(self) -> None:
        """Show how loud the chosen microphone is, as long as the form is shown."""
        if self.microphone_name:
            self._search.listen(self.microphone_name, {})
            if not self._search.titles and not self._search.looking:
                self._search.look()
        else:
            self._search.hush()
            self.meter.show_level(None)

    def _chosen(self) -> None:
        self.listen()
        self._refresh()
        self.changed.emit()

    def _found(self) -> None:
        self._offer(self.microphone_name, str(self.engine.currentData() or ""))
        self._refresh()

    def _offer(self, microphone: str, engine: str) -> None:
        names = [_DEFAULT, *(name for name in self._search.microphones if name != _DEFAULT)]
        if microphone and microphone not in names:
            names.append(microphone)
        with QSignalBlocker(self.microphone), QSignalBlocker(self.engine):
            self.microphone.clear()
            self.microphone.addItem("No voice, typing alone", "")
            for name in names:
                self.microphone.addItem("The system's own" if name == _DEFAULT else name, name)
            self.microphone.setCurrentIndex(max(self.microphone.findData(microphone), 0))
            self.engine.clear()
            self.engine.addItem("No text from speech", "")
            for name in self._search.engines or _ENGINES:
                self.engine.addItem(_ENGINES.get(name, name), name)
            self.engine.setCurrentIndex(max(self.engine.findData(engine), 0))

    def _refresh(self) -> None:
        heard = bool(self.microphone_name)
        self.about.setText(self._search.microphone_trouble or self._search.engines.get(self.engine_name, ""))
        if self._form is not None:
            for widget, shown in (
                (self.meter, heard),
                (self.about, heard and bool(self.about.text())),
                (self.engine, heard),
                (self.mode, bool(self.engine_name)),
                (self._model_row, self.engine_name == _NEEDS_MODEL),
            ):
                self._form.setRowVisible(widget, shown)

    def _choose_model(self) -> None:
        folder = QFileDialog.getExistingDirectory(self._model_row, "The folder of Whisper's model", self.model.text())
        if folder:
            self.model.setText(folder)
