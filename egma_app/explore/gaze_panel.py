"""The film with a reader's gaze for one sentence over it, and the reader's sentences to choose from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QComboBox, QHeaderView, QLabel, QVBoxLayout, QWidget

from egma_app import jobs
from egma_app.explore.films_panel import FilmChoice
from egma_app.settings import Preferences
from egma_app.viewer.image_view import ImageView
from egma_app.viewer.reading_gaze import GAZE_MEANING, GazePicture, ReadingGaze, gaze_picture, open_reading
from egma_app.widgets.layer_controls import Layer, LayerControls
from egma_app.widgets.tables import Column, RecordTable
from egma_app.widgets.words import date_text, gaze_words, text_words
from egma_app.workspace import Library
from egma_core.dicom.image import DicomImage
from egma_core.examples.export import USED_STATES
from egma_core.overlay.colours import colour_table
from egma_core.overlay.maps import GAZE_COLOUR_MAP
from egma_core.store.values import InstanceEntry, ReadingEntry

HEAT, PATH = "1 heat", "2 path"
LAYERS = (
    Layer(HEAT, "Gaze map", "Where the reader's eyes rested for the sentence"),
    Layer(PATH, "Scan path", "The fixations in their order", shown=False),
)


@dataclass(frozen=True)
class _Row:
    """A line of the list of sentences; `index` None is the whole reading."""

    index: int | None
    text: str
    origin: str
    gaze_s: float


_COLUMNS: tuple[Column[_Row], ...] = (
    Column("Gaze", lambda r: f"{r.gaze_s:.1f} s" if r.gaze_s > 0 else "none", help="Seconds of looking that belong to it", number=True),
    Column("The reader's sentences", lambda r: r.text, mark=lambda r: f"{r.text} ({r.origin})" if r.origin else r.text),
)


class GazePanel(QWidget):
    """Shows a reader's gaze beside the model's similarity.

    Attributes:
        view: The film.
        controls: The layers' switches and colour bar.
        words: The reading and its sentences; the workspace places it.
        sentences: The list of sentences in `words`.
        chosen: Emitted with the sentence the cursor came to.
        said: Emitted with the sentences of the reading now shown.
        failed: Emitted with what went wrong.
    """

    chosen = Signal(str)
    said = Signal(object)
    failed = Signal(object)

    def __init__(self, preferences: Preferences, parent: QWidget | None = None) -> None:
        """Start without a film."""
        super().__init__(parent)
        self._library: Library | None = None
        self._choice: FilmChoice | None = None
        self._gaze: ReadingGaze | None = None
        self._film: InstanceEntry | None = None
        self._entries: tuple[ReadingEntry, ...] = ()
        self._page = QObject(self)  # owns the jobs of the film now shown
        self.view = ImageView(preferences, self)
        self.view.setAccessibleDescription("The film with the reader's gaze over it")
        self.controls = LayerControls(LAYERS, parent=self)
        self.controls.bar.set_scale(colour_table(GAZE_COLOUR_MAP), ("0", "0.5", "1"), GAZE_MEANING)
        self._caption, self._status = QLabel("Reader", self), QLabel(self)
        self._caption.setWordWrap(True)
        self._caption.setMinimumHeight(2 * self.fontMetrics().lineSpacing())  # so that both films stay level
        self._caption.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom)
        self._status.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self._caption, self.view, self._status, self.controls):
            layout.addWidget(widget, 1 if widget is self.view else 0)
        self.words = QWidget(self)
        self._readings = QComboBox(self.words)
        self._readings.setAccessibleName("Reading of this film")
        self._readings.setToolTip("Who read this film, when, and where the gaze came from")
        self.sentences: RecordTable[_Row] = RecordTable("The reader's sentences", _COLUMNS, self.words)
        self.sentences.setSortingEnabled(False)
        self.sentences.setWordWrap(True)
        self.sentences.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.sentences.horizontalHeader().setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        column = QVBoxLayout(self.words)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._readings)
        column.addWidget(self.sentences, 1)
        self.controls.changed.connect(self._restyle)
        self.view.changed.connect(lambda: self._status.setText(self.view.description()))
        self._readings.activated.connect(self._open)
        self.sentences.chosen.connect(self._choose)

    @property
    def caption(self) -> str:
        """What is said above the film."""
        return self._caption.text()

    def show_film(self, library: Library | None, choice: FilmChoice | None, image: DicomImage | None) -> None:
        """Show a film, and look for readings of it."""
        self._page.deleteLater()
        self._page = QObject(self)
        self._library, self._choice = library, choice
        self.view.set_image(image)
        self._list(())
        self._caption.setText("Reader")
        if choice is None or image is None:
            return
        if library is None or choice.study_id is None:
            self._caption.setText("Reader: this film is not of the library, so nobody's gaze is known")
            return
        store, study = library.store, choice.study_id
        jobs.run(
            self._page,
            lambda: [r for r in store.readings(states=USED_STATES) if r.study.study_id == study],
            self._list,
            self.failed.emit,
        )
        self._caption.setText("Reader: nobody has read this film yet")

    def _list(self, entries: Sequence[ReadingEntry]) -> None:
        self._entries = tuple(entries)
        self._gaze = self._film = None
        with QSignalBlocker(self._readings):
            self._readings.clear()
            self._readings.addItems([f"{e.reader}, {date_text(e.started_utc)}, {gaze_words(e.gaze_origin)}" for e in entries])
        self._readings.setEnabled(bool(entries))
        self.sentences.show_records(())
        self.said.emit(())
        self._draw(None)
        if entries:
            self._open(0)

    def _open(self, index: int) -> None:
        if self._library is not None and 0 <= index < len(self._entries):
            entry = self._entries[index]
            self._caption.setText("Reader: opening the reading…")
            open_reading(self._page, self._library, entry.id, lambda gaze: self._opened(index, gaze), self.failed.emit)

    def _opened(self, index: int, gaze: ReadingGaze) -> None:
        choice = self._choice
        if choice is None or index != self._readings.currentIndex():
            return
        self._gaze = gaze
        self._film = next((film for film in gaze.films if film.instance_uid == choice.instance_uid), None)
        if self._film is None:
            self._caption.setText("Reader: this film was not on the screen in this reading")
            return
        film = self._film
        rows = [_Row(None, "The whole reading", "", self._seconds(None, film))]
        rows += [_Row(i, s.text, text_words(s.origin), self._seconds(i, film)) for i, s in enumerate(gaze.sentences)]
        self.sentences.show_records(rows)
        self.said.emit(tuple(sentence.text for sentence in gaze.sentences))
        with QSignalBlocker(self.sentences):
            self.sentences.choose(lambda row: row.index is None)
        self._show(None)

    def _seconds(self, index: int | None, film: InstanceEntry) -> float:
        found = self._gaze.gaze_map(index, film) if self._gaze is not None else None
        return 0.0 if found is None else float(found.weight_s.sum())

    def _choose(self, row: _Row) -> None:
        self._show(row.index)
        if row.index is not None:
            self.chosen.emit(row.text)

    def _show(self, index: int | None) -> None:
        gaze, film = self._gaze, self._film
        if gaze is None or film is None:
            return
        what = "in the whole reading" if index is None else f"for “{gaze.sentences[index].text}”"
        chosen = gaze.gaze_map(index, film)
        origin = gaze_words(gaze.entry.gaze_origin)
        self._caption.setText(f"Reader: {origin} {what}" if chosen is not None else f"Reader: no gaze on this film {what}")
        self._draw(None)
        if chosen is not None:
            jobs.run(
                self._page, lambda: gaze_picture(gaze, chosen, film), lambda picture: self._drawn(index, gaze, picture), self.failed.emit
            )

    def _drawn(self, index: int | None, gaze: ReadingGaze, picture: GazePicture) -> None:
        row = self.sentences.current()
        if gaze is self._gaze and row is not None and row.index == index:
            self._draw(picture)

    def _draw(self, picture: GazePicture | None) -> None:
        for name in (HEAT, PATH):
            if picture is None:
                self.view.set_overlay(name, None)
            else:
                rgba, extent = (picture.heat, picture.heat_extent) if name == HEAT else (picture.path, picture.path_extent)
                self.view.set_overlay(name, rgba, extent=extent, opacity=self._opacity(name))

    def _opacity(self, name: str) -> float:
        return self.controls.opacity if self.controls.shown(name) else 0.0

    def _restyle(self) -> None:
        for name in (HEAT, PATH):
            self.view.set_opacity(name, self._opacity(name))
