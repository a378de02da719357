"""`CardCheck`: the outline of a bank card on the screen; a real one held to it tells how large the screen is."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSignalBlocker, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPaintEvent, QPen, QScreen
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QDoubleSpinBox, QFormLayout, QSizePolicy, QSlider, QVBoxLayout, QWidget

from egma_app.capture.monitor import native_size
from egma_app.widgets.labels import quiet_label

CARD_MM = (85.60, 53.98)
"""Width and height of a bank card: ISO/IEC 7810, ID-1."""

_CORNER_MM = 3.18
_MM_PER_INCH = 25.4
_GUESS_DPI = 96.0
_STEPS = 10  # of the slider, a mm
_LOW_MM, _HIGH_MM = 150.0, 2000.0


class CardOutline(QWidget):
    """The outline, in native pixels so that scaling does not change it.

    Attributes:
        mm_per_px: Width and height in mm of one native pixel, as they are taken to be.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        """Draw nothing yet."""
        super().__init__(parent)
        self.mm_per_px = (0.0, 0.0)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Outline of a card")

    def fit(self, mm_per_px: tuple[float, float]) -> None:
        """Draw a card for pixels of this size."""
        self.mm_per_px = mm_per_px
        self.updateGeometry()
        self.update()

    def native_size(self) -> tuple[float, float]:
        """The card in native pixels."""
        return CARD_MM[0] / self.mm_per_px[0], CARD_MM[1] / self.mm_per_px[1]

    def sizeHint(self) -> QSize:
        """The card and some air."""
        if 0.0 in self.mm_per_px:
            return QSize(400, 300)
        ratio = self.devicePixelRatioF()
        return QSize(*(round(native / ratio) + 40 for native in self.native_size()))

    def minimumSizeHint(self) -> QSize:
        """As much as the card needs."""
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw the outline about the middle, its outer edge the card's."""
        if 0.0 in self.mm_per_px:
            return
        ratio = self.devicePixelRatioF()
        width, height = self.native_size()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.scale(1.0 / ratio, 1.0 / ratio)
        left, top = round((self.width() * ratio - width) / 2), round((self.height() * ratio - height) / 2)
        card = QRectF(left, top, width, height).adjusted(1, 1, -1, -1)
        radius = _CORNER_MM / self.mm_per_px[0]
        painter.setPen(QPen(QColor("#d5dbe1"), 2))
        painter.setBrush(QColor("#2b3137"))
        painter.drawRoundedRect(card, radius, radius)
        painter.end()


class CardCheck(QDialog):
    """Fits the outline to a real card.

    The height of the screen follows from its pixels as long as they are square; where they are not, it is set on its own.

    Attributes:
        confirmed: Emitted with width and height of the screen in mm, once a person says that the card fits.
    """

    confirmed = Signal(float, float)

    def __init__(self, screen: QScreen, width_mm: float = 0.0, height_mm: float = 0.0, parent: QWidget | None = None) -> None:
        """Begin with sizes that were typed; without any, with what the monitor says of itself, to be checked.

        Args:
            screen: The monitor that the dialog is shown on.
            width_mm: Its lit width, or 0.
            height_mm: Its lit height, or 0.
            parent: The window on it.
        """
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("Check the screen's size with a card")
        self.setMinimumWidth(460)
        self._pixels = native_size(screen)
        self.outline = CardOutline()
        self.width_mm, self.height_mm = _millimetres("Lit width"), _millimetres("Lit height")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(round(_LOW_MM * _STEPS), round(_HIGH_MM * _STEPS))
        self.slider.setAccessibleName("Width of the outline")
        buttons = QDialogButtonBox()
        fits = buttons.addButton("The card fits", QDialogButtonBox.ButtonRole.AcceptRole)
        fits.setProperty("role", "main")
        fits.setAutoDefault(False)
        buttons.addButton("Cancel", QDialogButtonBox.ButtonRole.RejectRole)
        form = QFormLayout()
        form.addRow("Lit width", self.width_mm)
        form.addRow("Lit height", self.height_mm)
        form.addRow("Fit", self.slider)
        column = QVBoxLayout(self)
        column.setSpacing(12)
        column.addWidget(quiet_label("Hold a bank card, a driving licence or any card of that size (85.6 × 54 mm) flat to the screen."))
        column.addWidget(self.outline, 1)
        column.addWidget(
            quiet_label("Left and Right make the outline fit; with Ctrl in finer steps. Upright edges first, then the others.")
        )
        column.addLayout(form)
        column.addWidget(buttons)
        self.width_mm.valueChanged.connect(self._widened)
        self.height_mm.valueChanged.connect(lambda _mm: self._draw())
        self.slider.valueChanged.connect(lambda steps: self.width_mm.setValue(_LOW_MM + _HIGH_MM - steps / _STEPS))
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        width, height = self._first_guess(screen, width_mm, height_mm)
        self.width_mm.setValue(width)
        self.height_mm.setValue(height)
        self.slider.setFocus()

    def accept(self) -> None:
        """The card fits."""
        super().accept()
        self.confirmed.emit(self.width_mm.value(), self.height_mm.value())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Left and Right fit the outline wherever the focus is."""
        steps = {Qt.Key.Key_Left: 1.0, Qt.Key.Key_Right: -1.0}
        step = steps.get(Qt.Key(event.key()))
        if step is None:
            super().keyPressEvent(event)
        else:
            fine = event.modifiers() & Qt.KeyboardModifier.ControlModifier
            self.width_mm.setValue(self.width_mm.value() + step * (0.1 if fine else 1.0))

    def _first_guess(self, screen: QScreen, width_mm: float, height_mm: float) -> tuple[float, float]:
        if min(width_mm, height_mm) > 0:
            return width_mm, height_mm
        stated = screen.physicalSize()
        width = stated.width() if _LOW_MM < stated.width() < _HIGH_MM else self._pixels.width() / _GUESS_DPI * _MM_PER_INCH
        return width, width * self._pixels.height() / self._pixels.width()

    def _widened(self, width_mm: float) -> None:
        """Keep pixels as square as they were taken to be."""
        across, down = self.outline.mm_per_px
        shape = down / across if across and down else 1.0
        with QSignalBlocker(self.slider):
            self.slider.setValue(round((_LOW_MM + _HIGH_MM - width_mm) * _STEPS))
        self.height_mm.setValue(width_mm / self._pixels.width() * shape * self._pixels.height())
        self._draw()

    def _draw(self) -> None:
        width, height = self.width_mm.value(), self.height_mm.value()
        if min(width, height) > 0:
            self.outline.fit((width / self._pixels.width(), height / self._pixels.height()))


def _millimetres(name: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(1.0, 3000.0)
    box.setDecimals(1)
    box.setSuffix(" mm")
    box.setAccessibleName(f"{name} in mm")
    return box
