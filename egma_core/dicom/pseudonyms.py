"""`Pseudonymiser`: keyed names, numbers, UIDs and date shifts in the place of real ones."""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid

from egma_core.errors import PrivacyError

_LEAST_DAYS = 366  # a shifted date is never near the real one
_DAYS = 3652


class Pseudonymiser:
    """Keyed pseudonyms: the same key and value always give the same one, and without the key none leads back.

    HMAC-SHA256 over the kind of value and the value, so that equal texts of different kinds do not give each other away.
    """

    def __init__(self, key: bytes) -> None:
        """Take the library's key.

        Raises:
            PrivacyError: The key is too short to protect anything.
        """
        if len(key) < 16:
            raise PrivacyError("The key for pseudonyms is too short.", "Use at least 16 random bytes.")
        self._key = key

    def patient_id(self, value: str) -> str:
        """A patient's pseudonym, such as `P-4QK2M7ZT3A`."""
        return f"P-{self._letters('patient', value)}"

    def name(self, value: str) -> str:
        """A pseudonym for any other name, such as a file's or a reader's: `N-` and ten letters."""
        return f"N-{self._letters('name', value)}"

    def uid(self, value: str) -> str:
        """A UID in the place of another: 2.25 and a UUID as a number (PS3.5 B.2)."""
        return f"2.25.{uuid.UUID(bytes=self._digest('uid', value)[:16], version=4).int}"

    def days_back(self, patient: str) -> int:
        """By how many whole days all of a patient's dates are moved into the past: one to eleven years."""
        return _LEAST_DAYS + int.from_bytes(self._digest("days", patient)[:8], "big") % _DAYS

    def _letters(self, kind: str, value: str) -> str:
        return base64.b32encode(self._digest(kind, value)).decode("ascii")[:10]

    def _digest(self, kind: str, value: str) -> bytes:
        return hmac.new(self._key, f"{kind}\0{value.strip()}".encode(), hashlib.sha256).digest()
