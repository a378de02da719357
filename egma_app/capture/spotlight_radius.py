"""The choice of how far around the pointer a film is sharp, where the mouse stands in for gaze; kept in the settings."""

from __future__ import annotations

from PySide6.QtWidgets import QDoubleSpinBox, QWidget

from egma_app.settings import Preferences, Settings
from egma_core.options import options_of

_STEP_DEG = 0.5


class SpotlightRadius(QDoubleSpinBox):
    """A number of degrees of visual angle; 0 leaves the whole film sharp. What is typed is kept at once."""

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        """Offer what was chosen last time."""
        super().__init__(parent)
        declared = next(option for option in options_of(Preferences) if option.name == "spotlight_deg")
        self.setRange(declared.low or 0.0, declared.high or 0.0)
        self.setDecimals(1)
        self.setSingleStep(_STEP_DEG)
        self.setSuffix("° around the pointer")
        self.setSpecialValueText("off, the whole film is sharp")
        self.setAccessibleName("Spotlight")
        self.setToolTip(declared.help)
        self.setValue(settings.values.spotlight_deg)
        self.valueChanged.connect(lambda degrees: settings.update(spotlight_deg=degrees))
