"""The part of `Store` that is about sittings and their readers: calibrations, decisions, consent, erasure."""

from __future__ import annotations

from datetime import datetime

from egma_core.errors import StoreError
from egma_core.store import calibrations, catalogue, judgements, people, recordings, schema
from egma_core.store.opened import OpenLibrary
from egma_core.store.values import (
    CalibrationAttempt,
    CaptureSessionRecord,
    Changes,
    ClockFit,
    Consent,
    ReadingDecision,
    ReadingEntry,
)


class SittingStore(OpenLibrary):
    """Sittings, what is measured and decided in them, and what their readers agreed to."""

    def begin_session(self, session: CaptureSessionRecord) -> Changes:
        """Write down one sitting; answers with its id."""
        with self._database.write() as connection:
            return recordings.begin_session(connection, session)

    def protocol(self, session_id: int) -> tuple[str, str]:
        """(name, text) of the study protocol that a sitting follows; two empty texts where it follows none."""
        with self._database.read() as connection:
            return recordings.protocol(connection, session_id)

    # Calibration

    def add_attempt(self, session_id: int, attempt: CalibrationAttempt) -> Changes:
        """Write down a calibration, validation or drift check, however it came out; answers with its id.

        Numbers in `outcome` and `figures` that are not finite are kept as None.
        """
        with self._database.write() as connection:
            return calibrations.add_attempt(connection, session_id, attempt)

    def attempts(self, session_id: int) -> tuple[CalibrationAttempt, ...]:
        """Every attempt of a sitting, in order."""
        with self._database.read() as connection:
            return calibrations.attempts(connection, session_id)

    def use_calibration(self, session_id: int, host_ns: int, calibration_id: int | None, validation_id: int | None) -> Changes:
        """From `host_ns` on these attempts of the sitting are in force; where another calibration is, corrections end."""
        with self._database.write() as connection:
            return calibrations.use(connection, session_id, host_ns, calibration_id, validation_id)

    def add_correction(self, session_id: int, host_ns: int, attempt_id: int, dx: float, dy: float, reason: str) -> Changes:
        """From `host_ns` on gaze is shifted by (dx, dy), fractions of the display; zeros undo the correction before.

        Raw gaze stays as it is: the shift is added whenever gaze is placed.
        """
        with self._database.write() as connection:
            return calibrations.add_correction(connection, session_id, host_ns, attempt_id, (dx, dy), reason)

    def correction(self, reading_id: int) -> tuple[float, float]:
        """(dx, dy), fractions of the display to be added to a reading's gaze: the correction in force at its start."""
        with self._database.read() as connection:
            return calibrations.correction(connection, reading_id)

    def accuracy_deg(self, reading_id: int, eye: str) -> float | None:
        """Accuracy of `eye` in degrees by the validation in force at the reading's start; None where there is none."""
        with self._database.read() as connection:
            return calibrations.accuracy_deg(connection, reading_id, eye)

    # What was found and decided

    def add_clock_fit(self, reading_id: int, fit: ClockFit) -> Changes:
        """Write down how well a device's clock fitted the host's."""
        with self._database.write() as connection:
            return judgements.add_clock_fit(connection, reading_id, fit)

    def clock_fits(self, reading_id: int) -> tuple[ClockFit, ...]:
        """The clock fits of a reading, in order."""
        with self._database.read() as connection:
            return judgements.clock_fits(connection, reading_id)

    def decide(self, reading_id: int, decision: ReadingDecision) -> Changes:
        """Write down what a person decided; a complete or recovered reading that was given up is discarded, its rows stay."""
        with self._database.write() as connection:
            return judgements.decide(connection, reading_id, decision)

    def decisions(self, reading_id: int) -> tuple[ReadingDecision, ...]:
        """What was decided about a reading, in order; the last one counts."""
        with self._database.read() as connection:
            return judgements.decisions(connection, reading_id)

    def undecided(self) -> list[ReadingEntry]:
        """The recovered readings that nobody has judged yet, in the order they began."""
        with self._database.read() as connection:
            return judgements.undecided(connection)

    # Consent and erasure

    def set_consent(self, reader: str, consent: Consent) -> Changes:
        """Write down what the reader of that name, who is added if need be, agreed to or withdrew."""
        with self._database.write() as connection:
            reader_id = catalogue.add_reader(connection, reader).id
            assert reader_id is not None
            return people.add_consent(connection, reader_id, consent)

    def consent(self, reader: str) -> Consent | None:
        """What the reader of that name agreed to, or withdrew, last; None where nobody asked."""
        with self._database.read() as connection:
            return people.consent(connection, reader)

    def erase_reader(self, name: str, reason: str) -> Changes:
        """Delete all that the reader of that name left in the library, for good, and keep a line that says so.

        Sittings, calibrations, readings with all their rows and derivations, consents and journals go; the name is replaced
        by a number. For when nobody records into the library. Copies of the library and what was exported are not touched.

        Raises:
            StoreError: There is no such reader, or one of the readings is being recorded, and nothing was changed; or the file
                could not be rewritten, and the message says what is left to do.
        """
        with self._database.write() as connection:
            changes, reading_uids = people.erase_reader(connection, name, reason, schema.program_version())
        left: list[str] = []
        for journal in (self.files / "journal" / f"{uid}.journal" for uid in reading_uids):
            try:
                journal.unlink(missing_ok=True)
            except OSError:  # another program holds it open
                left.append(str(journal))
        self._database.scrub()
        if left:
            raise StoreError("Everything is erased, but journals could not be deleted.", f"Delete them yourself: {', '.join(left)}")
        return changes

    def erasures(self) -> list[tuple[datetime, int, int, int, str]]:
        """(when, number of the reader, sittings, readings, reason) of every erasure, in order."""
        with self._database.read() as connection:
            return people.erasures(connection)
