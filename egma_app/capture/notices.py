"""What happens to the tracker, the disk, the clocks and the sound while somebody reads, said on the screen in words, quietly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QObject, QTimer

from egma_app.capture.recording import Recording
from egma_app.messages import Banner, Message

_PASSING_MS = 12_000
_LASTING = ("connection_lost", "licence", "display_area", "disk", "audio")
_SILENT = ("calibration_changed",)
_STREAMS = {"gaze": "eye tracker", "audio": "microphone"}


def notice(event: Mapping[str, Any]) -> tuple[Message, str] | None:
    """What to say about an event of the capture process, and the banner's kind of it; None where nobody need know."""
    if event["event"] not in ("tracker", "trouble") or event["kind"] in _SILENT:
        return None
    kind = "error" if event["kind"] in _LASTING else "good" if event["kind"] == "connection_restored" else "note"
    return Message(str(event["text"])), kind


def clocks_notice(fits: Sequence[Mapping[str, Any]]) -> Message | None:
    """What to say where a device's clock did not keep to the computer's; None where all did."""
    flagged = [fit for fit in fits if fit["verdict"] != "good"]
    if not flagged:
        return None
    off = " and ".join(f"that of the {_STREAMS.get(fit['stream'], fit['stream'])} by {fit['residual_p99_ms']:.1f} ms" for fit in flagged)
    return Message(
        f"A clock did not keep to the computer's: {off}.", "The reading is kept and marked; try another USB port or close other programs."
    )


class Notices(QObject):
    """Puts what the capture process tells beside its answers into a banner; what has passed goes away by itself."""

    def __init__(self, recording: Recording, banner: Banner, parent: QObject, *, passing_ms: int = _PASSING_MS) -> None:
        """Follow a recording; what has passed is shown for `passing_ms`."""
        super().__init__(parent)
        self._banner = banner
        self._passing = ""
        self._timer = QTimer(self, singleShot=True, interval=passing_ms)
        self._timer.timeout.connect(self._pass_away)
        recording.told.connect(self._told)
        recording.measured_clocks.connect(self._measured)

    def _told(self, event: Mapping[str, Any]) -> None:
        said = notice(event)
        if said is not None:
            self._say(*said)

    def _measured(self, fits: Sequence[Mapping[str, Any]]) -> None:
        message = clocks_notice(fits)
        if message is not None:
            self._say(message, "error")

    def _say(self, message: Message, kind: str) -> None:
        self._banner.show_message(message, kind=kind)
        if kind == "error":
            self._timer.stop()
        else:
            self._passing = self._banner.text
            self._timer.start()

    def _pass_away(self) -> None:
        if self._banner.text == self._passing:
            self._banner.clear()
