"""The film with the model's similarity to one sentence over it."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from egma_app.settings import Preferences
from egma_app.viewer.image_view import ImageView
from egma_app.widgets.layer_controls import Layer, LayerControls
from egma_core.alignment.patches import PatchGrid
from egma_core.dicom.image import DicomImage
from egma_core.geometry import Rect, Transform
from egma_core.inference.prediction import SimilarityMap
from egma_core.inference.similarity import on_image
from egma_core.overlay.colours import colour_table
from egma_core.overlay.maps import SIMILARITY_COLOUR_MAP, similarity_range, similarity_rgba

MAP, OWN_RANGE = "similarity", "own range"
LAYERS = (
    Layer(MAP, "Similarity", "How well each place of the film answers to the sentence"),
    Layer(
        OWN_RANGE,
        "Own range",
        "Stretch the colours over this sentence's own values; else all share one scale",
        shown=False,
    ),
)
MEANING = "cosine similarity of place and sentence, −1 to 1"

_FINEST = 1024  # cells along a film's longer side that a map on the screen is spread over


def spread(similarity: SimilarityMap) -> tuple[NDArray[np.float32], Rect]:
    """A map spread over its film as `on_image` does, in the resolution of a screen, and the rectangle of image pixels it covers.

    Returns:
        (rows, columns) float32 cosines at the centres of square blocks of pixels, NaN where the model did not see the film.
    """
    rows, columns = similarity.image_shape
    step = max(1, math.ceil(max(rows, columns) / _FINEST))
    shape = (math.ceil(rows / step), math.ceil(columns / step))
    grid = similarity.grid
    blocks = Transform.scaling("image", "image", step, step).then(grid.image_to_network)
    coarse = SimilarityMap(similarity.sentence, similarity.cosine, PatchGrid(grid.rows, grid.columns, grid.size_px, blocks), shape)
    return on_image(coarse), Rect(0.0, 0.0, float(shape[1] * step), float(shape[0] * step))


class SimilarityPanel(QWidget):
    """Shows one similarity map over its film.

    Attributes:
        view: The film.
        controls: The layer's switches and colour bar.
        file_dropped: Emitted with the path of a file that was dropped onto the film.
    """

    file_dropped = Signal(Path)

    def __init__(self, preferences: Preferences, parent: QWidget | None = None) -> None:
        """Start without a film."""
        super().__init__(parent)
        self._map: SimilarityMap | None = None
        self._common = (0.0, 0.0)
        self._drawn: tuple[SimilarityMap, tuple[float, float]] | None = None
        self.view = ImageView(preferences, self)
        self.view.setAccessibleDescription("The film with the model's similarity to the chosen sentence over it")
        self.controls = LayerControls(LAYERS, opacity=0.55, parent=self)
        self._caption = QLabel(self)
        self._caption.setWordWrap(True)
        self._caption.setMinimumHeight(2 * self.fontMetrics().lineSpacing())  # so that both films stay level
        self._caption.setAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom)
        self._status = QLabel(self)
        self._status.setForegroundRole(QPalette.ColorRole.PlaceholderText)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._caption)
        layout.addWidget(self.view, 1)
        layout.addWidget(self._status)
        layout.addWidget(self.controls)
        self.controls.changed.connect(self._draw)
        self.view.changed.connect(self._view_changed)
        self.show_map(None, (0.0, 0.0))

    @property
    def caption(self) -> str:
        """What is said above the film."""
        return self._caption.text()

    def show_film(self, image: DicomImage | None) -> None:
        """Show a film, still without a map."""
        self.view.set_image(image)
        self.show_map(None, (0.0, 0.0))

    def show_map(self, similarity: SimilarityMap | None, common: tuple[float, float], waiting: str = "") -> None:
        """Show a map over the film.

        Args:
            similarity: The map, or None while there is none.
            common: Lowest and highest cosine of all sentences' maps on this film: the ends of the common colour scale.
            waiting: What to say while there is no map.
        """
        self._map, self._common = similarity, common
        self._caption.setText(f"Model: similarity to “{similarity.sentence}”" if similarity is not None else waiting or "Model")
        self._draw()

    @property
    def _on_first_frame(self) -> bool:
        return self.view.film is None or self.view.film.frame == 0

    def _view_changed(self) -> None:
        description = self.view.description()
        self._status.setText(description if self._on_first_frame else f"{description}   ·   the model saw frame 1 only")
        self._draw()

    def _draw(self) -> None:
        if self._map is None:
            self._drawn = None
            self.view.set_overlay(MAP, None)
            self._scale((0.0, 0.0))
            return
        opacity = self.controls.opacity if self.controls.shown(MAP) and self._on_first_frame else 0.0
        ends = similarity_range(self._map.cosine) if self.controls.shown(OWN_RANGE) else self._common
        if self._drawn is not None and self._drawn[0] is self._map and self._drawn[1] == ends:
            self.view.set_opacity(MAP, opacity)
            return
        self._drawn = (self._map, ends)
        self._scale(ends)
        values, extent = spread(self._map)
        picture = similarity_rgba(values, opacity=1.0, low=ends[0], high=ends[1])
        self.view.set_overlay(MAP, picture, extent=extent, opacity=opacity)

    def _scale(self, ends: tuple[float, float]) -> None:
        low, high = ends
        ticks = (f"{low:+.2f}", f"{(low + high) / 2:+.2f}", f"{high:+.2f}") if high > low else ("", "", "")
        self.controls.bar.set_scale(colour_table(SIMILARITY_COLOUR_MAP), ticks, MEANING)
