"""One reading, opened: the film with scan path and gaze maps over it, and the sentences to go through."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QSignalBlocker, Qt, Signal
from PySide6.QtGui import QFont, QPalette
from PySide6.QtWidgets import QComboBox, QFileDialog, QHBoxLayout, QHeaderView, QLabel, QPushButton, QSplitter, QVBoxLayout, QWidget

from egma_app import jobs
from egma_app.settings import Preferences
from egma_app.viewer.image_view import ImageView
from egma_app.viewer.reading_gaze import GAZE_MEANING, GazePicture, ReadingGaze, gaze_export, gaze_picture
from egma_app.widgets.layer_controls import Layer, LayerControls
from egma_app.widgets.tables import Column, RecordTable
from egma_app.widgets.tints import WARNING, tint
from egma_app.widgets.words import count_text, date_text, duration_text, gaze_words, state_words, text_words
from egma_core.alignment.maps import SentenceGazeMap
from egma_core.dicom.image import DicomImage
from egma_core.dicom.reader import read_copy
from egma_core.overlay.colours import colour_table
from egma_core.overlay.maps import GAZE_COLOUR_MAP
from egma_core.overlay.picture import save_png
from egma_core.store.values import InstanceEntry

HEAT, PATH = "1 heat", "2 path"
LAYERS = (
    Layer(HEAT, "Gaze map", "Where the eyes rested for the chosen sentence, or in the whole reading"),
    Layer(PATH, "Scan path", "The fixations in their order: numbered circles, larger the longer they lasted"),
)


@dataclass(frozen=True)
class _Row:
    """A line of the list of sentences; `index` None is the whole reading."""

    index: int | None
    onset_s: float
    text: str
    origin: str
    gaze_s: float


_COLUMNS: tuple[Column[_Row], ...] = (
    Column("At", lambda r: "" if r.index is None else f"{int(r.onset_s) // 60}:{int(r.onset_s) % 60:02d}", help="Onset", number=True),
    Column("Gaze", lambda r: f"{r.gaze_s:.1f} s" if r.gaze_s > 0 else "none", help="Seconds of looking that belong to it", number=True),
    Column("Sentence", lambda r: r.text, mark=lambda r: f"{r.text} ({r.origin})" if r.origin else r.text),
)


class ReadingPanel(QWidget):
    """Shows one `ReadingGaze`.

    Attributes:
        view: The film.
        controls: The layers' switches.
        sentences: The list of sentences.
        failed: Emitted with what went wrong.
        saved: Emitted with the path of an exported picture.
    """

    failed = Signal(object)
    saved = Signal(object)

    def __init__(self, preferences: Preferences, parent: QWidget | None = None) -> None:
        """Start empty."""
        super().__init__(parent)
        self._gaze: ReadingGaze | None = None
        self._pictures: dict[tuple[int | None, str], GazePicture] = {}
        self._page = QObject(self)  # owns the jobs of the reading now shown
        self.view = ImageView(preferences, self)
        self.view.setAccessibleDescription("The film of the reading, with the reader's gaze over it")
        self.controls = LayerControls(LAYERS, parent=self)
        self.controls.bar.set_scale(colour_table(GAZE_COLOUR_MAP), ("0", "0.5", "1"), GAZE_MEANING)
        self.sentences: RecordTable[_Row] = RecordTable("Sentences", _COLUMNS, self)
        self._films = QComboBox(self)
        self._films.setAccessibleName("Film")
        self._films.setToolTip("The films that were on the screen during the reading")
        self._title, self._origin, self._facts, self._status = QLabel(self), QLabel(self), QLabel(self), QLabel(self)
        self._hint = QLabel(self)
        self._save = QPushButton("Save picture…", self)
        self._save.setToolTip("Write the film with the layers shown, and their colour bar, as a PNG file")
        self._lay_out()
        self.sentences.chosen.connect(lambda _row: self._show_layers())
        self.controls.changed.connect(self._restyle)
        self.view.changed.connect(lambda: self._status.setText(self.view.description()))
        self._films.activated.connect(lambda _row: self._open_film())
        self._save.clicked.connect(self.save_picture)

    @property
    def gaze(self) -> ReadingGaze | None:
        """The reading shown."""
        return self._gaze

    @property
    def film(self) -> InstanceEntry | None:
        """The film shown."""
        index = self._films.currentIndex()
        return self._gaze.films[index] if self._gaze is not None and 0 <= index < len(self._gaze.films) else None

    @property
    def heading(self) -> str:
        """What is said about the reading above the film."""
        return " ".join(label.text() for label in (self._title, self._origin, self._facts))

    def show_reading(self, gaze: ReadingGaze) -> None:
        """Show a reading, beginning with its first film and the whole reading's map."""
        self._page.deleteLater()
        self._page = QObject(self)
        self._gaze = gaze
        self._pictures.clear()
        entry, quality = gaze.entry, gaze.quality
        self._title.setText(f"{entry.study.patient}  ·  {entry.reader}  ·  {date_text(entry.started_utc)}")
        self._origin.setText(gaze_words(entry.gaze_origin, entry.tracker))
        texts = ", ".join(text_words(origin) for origin in entry.text_origins)
        facts = [
            state_words(entry.state),
            duration_text(quality.duration_s),
            f"{quality.data_loss:.0%} of the time without gaze",
            f"{count_text(quality.n_fixations, 'fixation')}{_mean(quality.mean_fixation_s)}",
            f"{count_text(len(gaze.sentences), 'sentence')}{f', {texts}' if texts else ''}",
        ]
        self._facts.setText("  ·  ".join(facts))
        with QSignalBlocker(self._films):
            self._films.clear()
            self._films.addItems([_film_title(film, n) for n, film in enumerate(gaze.films, start=1)])
        self._films.setVisible(len(gaze.films) > 1)
        self._open_film()

    def choose_sentence(self, index: int | None) -> None:
        """Show the map of a sentence, or of the whole reading for None."""
        self.sentences.choose(lambda row: row.index == index)

    def step_sentence(self, step: int) -> None:
        """Go to the next sentence, or with -1 to the one before."""
        row = self.sentences.currentIndex().row() + step
        if 0 <= row < len(self.sentences.shown()):
            self.sentences.setCurrentIndex(self.sentences.model().index(row, 0))

    def save_picture(self) -> None:
        """Ask for a file, and write what is shown into it."""
        if self._gaze is None or self.film is None or self.view.film is None:
            return
        row = self.sentences.current()
        part = "whole" if row is None or row.index is None else f"sentence-{row.index + 1}"
        proposed = f"reading-{self._gaze.entry.id}-film-{self._films.currentIndex() + 1}-{part}.png"
        path, _ = QFileDialog.getSaveFileName(self, "Save picture", str(Path.home() / proposed), "PNG pictures (*.png)")
        if path:
            self.write_picture(Path(path) if Path(path).suffix else Path(f"{path}.png"))

    def write_picture(self, path: Path) -> None:
        """Write what is shown, at the film's own resolution, in the background; answered by `saved` or `failed`."""
        gaze, film, shown = self._gaze, self.film, self.view.film
        if gaze is None or film is None or shown is None:
            return
        opacity = self.controls.opacity
        heat, scan = (opacity if self.controls.shown(name) else 0.0 for name in (HEAT, PATH))
        image, frame, window, inverted, chosen = shown.image, shown.frame, shown.window, shown.inverted, self._map()

        def write() -> None:
            save_png(path, gaze_export(image, frame, window, inverted, gaze, chosen, film, heat=heat, path=scan))

        jobs.run(self, write, lambda _none: self.saved.emit(path), self.failed.emit)

    def _lay_out(self) -> None:
        font = QFont(self.font())
        font.setPointSizeF(font.pointSizeF() * 1.15)
        self._title.setFont(font)
        tint(self._origin, WARNING)
        self._origin.setToolTip("Where the gaze of this reading came from")
        for label in (self._facts, self._status, self._hint):
            label.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        self._facts.setWordWrap(True)
        self._hint.setWordWrap(True)
        self.sentences.setSortingEnabled(False)
        self.sentences.setWordWrap(True)
        self.sentences.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        for column in (0, 1):
            self.sentences.horizontalHeader().setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        head = QHBoxLayout()
        head.addWidget(self._title)
        head.addSpacing(12)
        head.addWidget(self._origin)
        head.addStretch(1)
        head.addWidget(self._films)
        split = QSplitter(Qt.Orientation.Horizontal, self)
        split.addWidget(_column(self, self.view, self._status, self.controls))
        split.addWidget(_column(self, self.sentences, self._hint, self._save))
        split.setStretchFactor(0, 1)
        split.setSizes([760, 330])
        split.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 0, 0, 0)
        layout.addLayout(head)
        layout.addWidget(self._facts)
        layout.addWidget(split, 1)

    def _open_film(self) -> None:
        gaze, film = self._gaze, self.film
        self.view.set_image(None)
        self._status.setText("Opening the film…" if film is not None else "This reading shows no film of the library.")
        if gaze is None or film is None:
            return
        rows = [_Row(None, 0.0, "The whole reading", "", _seconds(gaze.gaze_map(None, film)))]
        for index, sentence in enumerate(gaze.sentences):
            rows.append(_Row(index, sentence.onset_s, sentence.text, text_words(sentence.origin), _seconds(gaze.gaze_map(index, film))))
        before = self.sentences.current()
        with QSignalBlocker(self.sentences):
            self.sentences.show_records(rows)
            self.choose_sentence(before.index if before is not None and before.index in [r.index for r in rows] else None)
        jobs.run(self._page, lambda: read_copy(film.path, film.sha256), self._show_film, self.failed.emit)

    def _show_film(self, image: DicomImage) -> None:
        self.view.set_image(image)
        self._show_layers()

    def _map(self) -> SentenceGazeMap | None:
        row, film = self.sentences.current(), self.film
        return self._gaze.gaze_map(row.index, film) if self._gaze is not None and row is not None and film is not None else None

    def _show_layers(self) -> None:
        gaze, row, film, chosen = self._gaze, self.sentences.current(), self.film, self._map()
        if gaze is None or row is None or film is None:
            return
        for name in (HEAT, PATH):
            self.controls.set_available(name, chosen is not None, "There was no gaze on this film")
        nothing = (
            "No gaze rested on this film in the whole reading." if row.index is None else "No gaze rested on this film for this sentence."
        )
        interval = f"Looked at between {chosen.window_s[0]:.1f} s and {chosen.window_s[1]:.1f} s." if chosen is not None else nothing
        self._hint.setText(interval)
        key = (row.index, film.instance_uid)
        if chosen is None:
            self._place(None)
        elif key in self._pictures:
            self._place(self._pictures[key])
        else:
            jobs.run(self._page, lambda: gaze_picture(gaze, chosen, film), lambda picture: self._keep(key, picture), self.failed.emit)

    def _keep(self, key: tuple[int | None, str], picture: GazePicture) -> None:
        self._pictures[key] = picture
        row, film = self.sentences.current(), self.film
        if row is not None and film is not None and key == (row.index, film.instance_uid):
            self._place(picture)

    def _place(self, picture: GazePicture | None) -> None:
        if picture is None:
            self.view.set_overlay(HEAT, None)
            self.view.set_overlay(PATH, None)
            return
        heat, path = (self._opacity(name) for name in (HEAT, PATH))
        self.view.set_overlay(HEAT, picture.heat, extent=picture.heat_extent, opacity=heat)
        self.view.set_overlay(PATH, picture.path, extent=picture.path_extent, opacity=path)

    def _opacity(self, name: str) -> float:
        return self.controls.opacity if self.controls.shown(name) else 0.0

    def _restyle(self) -> None:
        for name in (HEAT, PATH):
            self.view.set_opacity(name, self._opacity(name))


def _column(parent: QWidget, tall: QWidget, *below: QWidget) -> QWidget:
    """Widgets in a column of which the first takes the room."""
    column = QWidget(parent)
    layout = QVBoxLayout(column)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.addWidget(tall, 1)
    for widget in below:
        layout.addWidget(widget)
    return column


def _seconds(gaze_map: SentenceGazeMap | None) -> float:
    return 0.0 if gaze_map is None else float(gaze_map.weight_s.sum())


def _mean(seconds: float) -> str:
    return f", {1000 * seconds:.0f} ms on average" if math.isfinite(seconds) else ""


def _film_title(film: InstanceEntry, number: int) -> str:
    return f"Film {number}: {film.view_position or film.modality}"
