"""From a PACS into a library: studies fetched or received film by film, de-identified as they arrive, kept nowhere else.

The library itself says how far a transfer came, so that one that was stopped or broke off is gone on with by starting it again.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from egma_core.dicom.pacs.connections import DimseConnection
from egma_core.dicom.pacs.values import Pacs, RemoteInstance
from egma_core.errors import InterchangeError, MissingExtraError
from egma_core.interchange.dicom import DicomImport
from egma_core.interchange.films import ImportReport, Progress
from egma_core.store.store import Store


def fetch_studies(
    pacs: Pacs,
    study_uids: Sequence[str],
    store: Store,
    *,
    progress: Progress | None = None,
    should_stop: Callable[[], bool] = lambda: False,
) -> ImportReport:
    """Fetch studies into a library; what it holds already is not asked for again.

    Args:
        pacs: The PACS.
        study_uids: Study Instance UIDs, as the PACS knows them.
        store: The library.
        progress: Called with objects dealt with and objects in all.
        should_stop: Asked after each film; once it says yes, the transfer ends and what has arrived is kept.

    Returns:
        What came. Refusals name objects by their place in the transfer, since their own names are the patient's.

    Raises:
        PacsError: The PACS cannot be reached, refuses, or broke off; what had arrived is kept.
        InterchangeError: It holds no such study, or the library's folder cannot be written.
        PrivacyError: The library's key is missing.
        StoreError: The library cannot be written.
    """
    films = DicomImport(store)
    listed: list[RemoteInstance] = []
    for uid in study_uids:
        found = pacs.instances(uid)
        if not found:
            raise InterchangeError(f"The PACS holds no study {uid}.", "Search for it again; it may have been moved or deleted.")
        listed += found
    wanted = [one for one in listed if not films.holds(one.instance_uid)]
    here = done = len(listed) - len(wanted)
    with _passing_through() as folder, closing(pacs.fetch(wanted, folder)) as arriving:
        for path in arriving:
            films.take_passing(path, f"object {done - here + 1}")
            done += 1
            if progress is not None:
                progress(done, len(listed))
            if should_stop():
                break
        else:
            for _ in range(len(listed) - done):
                films.refuse("", "The PACS listed it, but did not send it; ask for the study again.")
    return films.report(already_there=here)


def receive_films(
    connection: DimseConnection,
    store: Store,
    *,
    until: threading.Event,
    arrived: Callable[[ImportReport], None] | None = None,
) -> ImportReport:
    """Receive what a PACS sends by itself into a library, until an event is set.

    Args:
        connection: Where it comes from and where it is listened at.
        store: The library.
        until: Ends it, from another thread or from `arrived`.
        arrived: Told the state of things after each film.

    Raises:
        ConfigError: The connection has no port to listen at.
        PacsError: Nothing can be listened to there.
        MissingExtraError: The packages that listen are not installed.
    """
    try:
        from egma_core.dicom.pacs.listener import listen
    except ImportError as error:
        raise MissingExtraError("Listening for a PACS", "pacs") from error
    films = DicomImport(store)
    with _passing_through() as folder, closing(listen(connection, folder, until)) as arriving:
        for count, path in enumerate(arriving, start=1):
            films.take_passing(path, f"object {count}")
            if arrived is not None:
                arrived(films.report())
    return films.report()


@contextmanager
def _passing_through() -> Generator[Path, None, None]:
    """A folder that only this user can look into, for films that still have a name; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="egma-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)
