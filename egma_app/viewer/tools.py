"""What the mouse does to a film: drags, the wheel and their scales, as functions without a widget."""

from __future__ import annotations

import dataclasses

import numpy as np
from PySide6.QtCore import Qt

from egma_app.settings import Preferences
from egma_core.dicom.image import DicomImage, Window

WHEEL_STEP = 2**0.25  # one notch; four notches double the film
KEY_STEP = 2**0.5
PAN_STEP = 0.1  # of the view's shorter side, for one press of an arrow key
_DRAG_DOUBLES_AFTER = 120.0  # logical pixels of a zoom drag that double the film
_STEPS_ACROSS = 1024.0  # logical pixels of a window drag that cross the film's range of values


def drag_tool(button: Qt.MouseButton, preferences: Preferences) -> str:
    """What dragging with `button` does: `window`, `pan`, `zoom`, or "" for a button that does nothing."""
    drags = {
        Qt.MouseButton.LeftButton: preferences.left_drag,
        Qt.MouseButton.MiddleButton: preferences.middle_drag,
        Qt.MouseButton.RightButton: preferences.right_drag,
    }
    return drags.get(button, "")


def value_range(image: DicomImage, sample: np.ndarray) -> float:
    """How far the film's values spread (0.5 to 99.5 %), in modality units; at least 1.

    Args:
        image: The film.
        sample: Stored values of it, plus the offset, of any shape; a reduced copy will do.
    """
    if image.modality_lut is not None:
        return max(float(np.ptp(image.modality_lut.values)), 1.0)
    low, high = np.percentile(sample, (0.5, 99.5))
    return max(abs(float(high - low) * image.slope), 1.0)


def drag_window(start: Window, dx: float, dy: float, values: float, modifiers: Qt.KeyboardModifier) -> Window:
    """The window after a drag: right is wider, down is a higher centre; Shift is a quarter as fast, Ctrl four times.

    Args:
        start: The window before.
        dx: Logical pixels to the right.
        dy: Logical pixels down.
        values: The film's range of values, so that one drag suits 8 and 16 bits alike.
        modifiers: The keys held.
    """
    step = values / _STEPS_ACROSS
    if modifiers & Qt.KeyboardModifier.ShiftModifier:
        step /= 4.0
    if modifiers & Qt.KeyboardModifier.ControlModifier:
        step *= 4.0
    return dataclasses.replace(start, width=max(start.width + dx * step, 1.0), center=start.center + dy * step, name="")


def drag_zoom(dy: float) -> float:
    """The factor of a zoom drag by `dy` logical pixels: up enlarges."""
    return 2.0 ** (-dy / _DRAG_DOUBLES_AFTER)


def wheel_zoom(angle: int) -> float:
    """The factor of a turn of the wheel by `angle` eighths of a degree: away from the person enlarges."""
    return WHEEL_STEP ** (angle / 120.0)
