"""`egma erase`: a reader's right to be forgotten."""

from __future__ import annotations

from pathlib import Path

import click

from egma_app.cli.command import store_option
from egma_core.errors import StoreError


@click.command()
@store_option
@click.option("--reader", required=True, help="The reader's name, as it stands in the library.")
@click.option("--reason", default="", help="Why, kept with the line that says that it was done.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(library: str, reader: str, reason: str, yes: bool) -> None:
    """Delete for good all that a reader left in a library: sittings, readings, voice, words, consent, name.

    A line stays that says when it was done and how many readings went. Copies of the library, and what was exported or
    trained before, are not touched; copies that lie beside it are named.
    """
    from egma_core.recording.lock import RecordingLock
    from egma_core.recording.recovery import recover
    from egma_core.store.store import Store

    with Store.open(library) as store:
        lock = RecordingLock(store.files)  # nobody records meanwhile
        try:
            name = reader.strip()
            if name not in {known.name for known in store.readers()}:
                raise StoreError("There is no reader of that name in the library.", "Check how the name is written.")
            readings = [reading for reading in store.readings() if reading.reader == name]
            n_sessions = len({reading.session_id for reading in readings})
            if not yes:
                what = f"{len(readings)} readings of {n_sessions} sittings, and everything else of this reader"
                click.confirm(f"Delete {what}, for good?", abort=True)
            if any(reading.state == "recording" for reading in readings):
                recover(store)  # what a dead process left is not being recorded, whoever it is of
            store.erase_reader(name, reason)
        finally:
            lock.release()
    click.echo(f"Erased: {len(readings)} readings of {n_sessions} sittings, and everything else of this reader.")
    copies = _copies(store.location)
    if copies:
        click.echo(f"Copies of the library may still hold it; delete them too: {', '.join(map(str, copies))}", err=True)


def _copies(location: str) -> list[Path]:
    """Copies of a library's file that this program made beside it."""
    if "://" in location:
        return []
    path = Path(location)
    return sorted(path.parent.glob(f"{path.stem}.before-upgrade-from-*{path.suffix}"))
