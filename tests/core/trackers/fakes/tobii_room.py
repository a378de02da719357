"""Tobii hardware as the fakes of both SDKs see it: trackers in a room, a person before them, and a clock that the test winds."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

Listener = Callable[[str, dict], None]


@dataclass
class Hardware:
    """One tracker. Gaze is where the person looks, plus an offset of each eye that a calibration takes out."""

    model: str = "Tobii Pro Spectrum"
    serial: str = "TPSP1-1"
    frequency: float = 60.0
    frequencies: tuple[float, ...] = (60.0, 120.0, 600.0, 1200.0)
    licensed: bool = True
    has_display: bool = True
    can_calibrate: bool = True
    connected: bool = True
    eyes_open: bool = True
    looking: tuple[float, float] = (0.25, 0.75)
    offset: dict[str, tuple[float, float]] = field(default_factory=lambda: {"left": (0.01, -0.02), "right": (-0.01, 0.03)})
    device_ahead_us: int = 5_000_000
    listeners: list[Listener] = field(default_factory=list)
    in_calibration: bool = False
    collected: list[tuple[float, float]] = field(default_factory=list)
    applied: bytes = b""

    @property
    def address(self) -> str:
        return f"tobii-prp://{self.serial}.local"

    @property
    def width_mm(self) -> float:
        return 531.0

    def corners(self) -> dict[str, tuple[float, float, float]]:
        left, right = -self.width_mm / 2, self.width_mm / 2
        return {
            "top_left": (left, 320.0, 0.0),
            "top_right": (right, 320.0, 0.0),
            "bottom_left": (left, 21.0, 0.0),
            "bottom_right": (right, 21.0, 0.0),
        }

    def tell(self, stream: str, data: dict) -> None:
        for listener in list(self.listeners):
            listener(stream, data)

    def sample(self, system_us: int) -> None:
        """One frame of the cameras."""
        if not self.connected:
            return
        eyes: dict[str, dict] = {}
        for side, x_mm in (("left", -31.0), ("right", 31.0)):
            off_x, off_y = self.offset[side]
            nan = float("nan")
            seen = self.eyes_open
            eyes[side] = {
                "gaze": (self.looking[0] + off_x, self.looking[1] + off_y) if seen else (nan, nan),
                "origin": (x_mm, 170.5, 650.0) if seen else (nan, nan, nan),
                "pupil": 3.25 if seen else nan,
                "seen": seen,
                "guide": (0.5 - x_mm / 400.0, 0.45, 0.55) if seen else (nan, nan, nan),  # as the tracker sees them: mirrored
            }
        self.tell("gaze", {"device_us": system_us + self.device_ahead_us, "system_us": system_us, "eyes": eyes})

    def calibrate(self) -> None:
        if len(self.collected) >= 2:
            self.offset = {"left": (0.0, 0.0), "right": (0.0, 0.0)}
            self.applied = b"calibration of " + str(len(self.collected)).encode()


class Room:
    """What is plugged in, and the clock of the computer in us."""

    def __init__(self) -> None:
        self.trackers: list[Hardware] = []
        self.now_us: Callable[[], int] = lambda: time.perf_counter_ns() // 1000

    def at(self, address: str) -> Hardware | None:
        return next((tracker for tracker in self.trackers if tracker.address == address and tracker.connected), None)


ROOM = Room()
for described in filter(None, os.environ.get("EGMA_FAKE_TOBII", "").split(";")):
    ROOM.trackers.append(Hardware(*described.split(":")))
