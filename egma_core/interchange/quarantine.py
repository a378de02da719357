"""Films whose pictures may hold text, waiting outside the library for somebody to look at them.

They lie with the library's key, not with the library: their headers are de-identified, their pictures may not be.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from egma_core.dicom.burned_in import Box, mask_film
from egma_core.dicom.deidentify import deidentify_film
from egma_core.dicom.reader import read_header
from egma_core.errors import FilmSetAsideError, InterchangeError
from egma_core.files import disk_in_words
from egma_core.interchange.films import Shelf
from egma_core.interchange.keys import keys_folder
from egma_core.interchange.labels import LabelRow
from egma_core.store.store import Store
from egma_core.store.values import FilmOrigin

_REMEDY = "Look at it, cover what names somebody, and let it in: egma quarantine"


@dataclass(frozen=True)
class WaitingFilm:
    """A film in quarantine.

    Attributes:
        instance_uid: Its pseudonymous SOP Instance UID.
        path: The copy, de-identified but for its picture.
        reason: Why somebody should look at it.
        origin: Where it came from.
        row: What a labels file said of it, or None.
    """

    instance_uid: str
    path: Path
    reason: str
    origin: FilmOrigin
    row: LabelRow | None


class Quarantine:
    """The films of a library that wait."""

    def __init__(self, store: Store) -> None:
        """Look at a library's quarantine; it is made when the first film is set aside."""
        self._store = store
        self.folder = keys_folder() / "quarantine" / store.library_id

    def holds(self, instance_uid: str) -> bool:
        """Whether the film of this pseudonymous UID waits."""
        return self._note(instance_uid).is_file()

    def films(self) -> tuple[WaitingFilm, ...]:
        """All that wait, oldest first.

        Raises:
            InterchangeError: The note of one cannot be read.
        """
        with disk_in_words(InterchangeError, "The quarantine cannot be read"):
            notes = sorted(self.folder.glob("*.json"), key=lambda path: (path.stat().st_mtime_ns, path.name))
        return tuple(self._read(note) for note in notes)

    def film(self, instance_uid: str) -> WaitingFilm:
        """One that waits.

        Raises:
            InterchangeError: There is none of that UID.
        """
        if not self.holds(instance_uid):
            raise InterchangeError(f"No film {instance_uid} waits in the quarantine.", "List those that do: egma quarantine list")
        return self._read(self._note(instance_uid))

    def set_aside(self, source: Path, reason: str, shelf: Shelf, row: LabelRow | None) -> None:
        """Keep a film here; always raises, since it does not come into the library.

        Raises:
            FilmSetAsideError: It waits.
            ImageError: It cannot be read.
            PrivacyError: Its header alone would name somebody.
        """
        with disk_in_words(InterchangeError, f"The quarantine {self.folder} cannot be written"):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            copy = deidentify_film(source, self.folder, shelf.pseudonymiser, burned_in=True)
            said = {"reason": reason, "origin": shelf.origin, "row": None if row is None else asdict(row)}
            self._note(copy.header.instance_uid).write_text(json.dumps(said), encoding="utf-8", newline="\n")
        raise FilmSetAsideError(reason, _REMEDY)

    def release(self, instance_uid: str, boxes: Sequence[Box] = ()) -> None:
        """Let a film into the library, with boxes blackened; whoever calls this has looked at its picture.

        Raises:
            InterchangeError: No such film waits, or it cannot be written.
            FilmRefusedError: The library keeps its study or series under another patient or study.
            ConfigError: A box is not on the film.
            ImageError: It cannot be read.
        """
        waiting = self.film(instance_uid)
        shelf = Shelf(self._store, waiting.origin)
        header = read_header(waiting.path)
        shelf.refuse_conflict(header)
        shelf.add(header, mask_film(waiting.path, shelf.folder, boxes).sha256, waiting.row)
        self.discard(instance_uid)

    def discard(self, instance_uid: str) -> None:
        """Delete a film that waits; nothing of it ever was in the library.

        Raises:
            InterchangeError: No such film waits, or it cannot be deleted.
        """
        waiting = self.film(instance_uid)
        with disk_in_words(InterchangeError, "The film cannot be deleted from the quarantine"):
            waiting.path.unlink(missing_ok=True)
            self._note(instance_uid).unlink()

    def _note(self, instance_uid: str) -> Path:
        return self.folder / f"{instance_uid}.json"

    def _read(self, note: Path) -> WaitingFilm:
        try:
            said: dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
            origin = said["origin"]
            row = said["row"]
            labels = None if row is None else LabelRow(row["patient_id"], tuple(row["labels"]), tuple(row["sentences"]), row["split"])
            if origin not in get_args(FilmOrigin):
                raise ValueError(origin)
            return WaitingFilm(note.stem, note.with_suffix(".dcm"), str(said["reason"]), origin, labels)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            what = f"The note of a film in quarantine cannot be read ({note.name})."
            raise InterchangeError(what, f"Delete it and its film from {self.folder}, and import the film again.") from error
