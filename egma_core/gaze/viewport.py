"""What the screen showed at each moment, and gaze placed on the film through that log."""

from __future__ import annotations

from dataclasses import dataclass

from egma_core.geometry import Rect, Transform


@dataclass(frozen=True)
class Viewport:
    """The state of the film on the screen from `host_ns` until the next viewport, logged as it was painted.

    Attributes:
        host_ns: When the frame was painted, on the host clock.
        instance_uid: SOP Instance UID of the film shown, or "" while none is (minimised, covered, blank).
        frame: Frame of the instance, counted from 1.
        image_to_screen: Where image pixels lie on the screen, in native pixels.
        region: The part of the screen, in native pixels, inside which the film is visible.
        window_center: VOI window centre in modality units, or None where a table is used.
        window_width: VOI window width in modality units, or None where a table is used.
        inverted: Whether the reader inverted the grey scale.
    """

    host_ns: int
    instance_uid: str
    frame: int
    image_to_screen: Transform
    region: Rect
    window_center: float | None = None
    window_width: float | None = None
    inverted: bool = False
