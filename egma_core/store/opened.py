"""A library that is open: what the parts of `Store` share."""

from __future__ import annotations

from types import TracebackType

from egma_core.store.database import Database


class OpenLibrary:
    """A library's database and its place; a context manager.

    Attributes:
        library_id: Random identifier of the library, the same for as long as it lives.
        location: The file's path, or the server's URL without its password.
        files: Folder of the films.
    """

    def __init__(self, database: Database, library_id: str) -> None:
        """Use `Store.open`."""
        self._database = database
        self.library_id = library_id
        self.location = database.address.name
        self.files = database.address.files

    def close(self) -> None:
        """Let the library go; it cannot be used afterwards."""
        self._database.close()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
