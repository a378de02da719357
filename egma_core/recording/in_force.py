"""Which calibration, validation and correction of drift a session works with; every change of it is a row of the store."""

from __future__ import annotations

from egma_core.errors import RecordingError
from egma_core.recording.clock import Clock
from egma_core.store.store import Store

_LARGEST_CORRECTION = 0.25
_ANEW = "The tracker was calibrated again."


class InForce:
    """What counts from now on, as it was last written down.

    Attributes:
        calibration_id: The calibration that the tracker works with, or None before one was made.
        correction: What is added to gaze, in fractions of the display.
    """

    def __init__(self, store: Store, clock: Clock, session_id: int) -> None:
        """Nothing is in force yet."""
        self._store = store
        self._clock = clock
        self._session_id = session_id
        self.calibration_id: int | None = None
        self.correction = (0.0, 0.0)

    def calibrated(self, attempt_id: int) -> None:
        """The tracker works with this calibration now; no validation or correction of another's gaze holds for it.

        Raises:
            StoreError: That cannot be written down.
        """
        now_ns = self._clock.now_ns()
        self.calibration_id = attempt_id
        self._store.use_calibration(self._session_id, now_ns, attempt_id, None)
        if self.correction != (0.0, 0.0):
            self._store.add_correction(self._session_id, now_ns, attempt_id, 0.0, 0.0, _ANEW)
            self.correction = (0.0, 0.0)

    def validated(self, attempt_id: int | None) -> None:
        """This validation says how well the calibration in force does.

        Raises:
            StoreError: That cannot be written down.
        """
        self._store.use_calibration(self._session_id, self._clock.now_ns(), self.calibration_id, attempt_id)

    def use(self, calibration_id: int | None, validation_id: int | None) -> None:
        """Let another validation of the calibration in force count.

        Raises:
            RecordingError: The tracker works with another calibration.
            StoreError: That cannot be written down.
        """
        if calibration_id != self.calibration_id:
            raise RecordingError("The tracker works with another calibration.", "Apply the wanted one first.")
        self.validated(validation_id)

    def correct(self, attempt_id: int, dx: float, dy: float, reason: str) -> None:
        """Add a shift to gaze from now on, in place of the one before; (0, 0) undoes it.

        Args:
            attempt_id: The drift check that it comes from.
            dx: Fraction of the display across.
            dy: Fraction of the display down.
            reason: Why, in words.

        Raises:
            RecordingError: The shift is larger than any that could be right.
            StoreError: That cannot be written down.
        """
        if not max(abs(dx), abs(dy)) <= _LARGEST_CORRECTION:
            raise RecordingError("Gaze is too far off to be put right by a shift.", "Calibrate again.")
        self._store.add_correction(self._session_id, self._clock.now_ns(), attempt_id, dx, dy, reason)
        self.correction = (dx, dy)
