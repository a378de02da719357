"""The contract between the window and its four workspaces, and the library that they all look at."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from egma_app import jobs
from egma_app.settings import Settings
from egma_core.store.store import Store
from egma_core.store.values import Changes


class Library(QObject):
    """The one library a window has open, and the signal that refreshes whatever shows a part of it.

    Reads may go to `store` from any thread. Writes of the window go through `write`, one after another; writes of
    child processes are made known with `announce`.

    Attributes:
        changed: Emitted on the window's thread with the `Changes` of every write.
        store: The open store.
        location: What it was opened with: a path, or a URL with its password. For child processes, never for a person.
    """

    changed = Signal(object)

    def __init__(self, store: Store, parent: QObject | None = None, *, location: str = "") -> None:
        """Take over an open store; `close` closes it."""
        super().__init__(parent)
        self.store = store
        self.location = location or store.location
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="egma-write")

    @classmethod
    def open(cls, location: str | Path, *, create: bool = False, parent: QObject | None = None) -> Library:
        """Open the library at a path or database URL.

        Raises:
            StoreError: It cannot be opened or, with `create`, made.
        """
        return cls(Store.open(location, create=create), parent, location=str(location))

    @property
    def name(self) -> str:
        """What to call the library in a title: its file's name without the ending."""
        return Path(self.store.location).stem

    def write(
        self,
        parent: QObject,
        work: Callable[[Store], Changes],
        done: Callable[[Changes], object] | None = None,
        failed: Callable[[BaseException], object] | None = None,
    ) -> jobs.Job:
        """Run `work(store)` on the writing thread, then announce its changes and call `done`, both on the window's thread."""

        def finished(changes: Changes) -> None:
            self.announce(changes)
            if done is not None:
                done(changes)

        return jobs.run(parent, lambda: work(self.store), finished, failed, executor=self._writer)

    def announce(self, changes: Changes) -> None:
        """Tell everybody who shows a part of the library what changed in it."""
        self.changed.emit(changes)

    def close(self) -> None:
        """Let the writes in progress end, then close the store."""
        self._writer.shutdown(wait=True)
        self.store.close()


class Workspace(QWidget):
    """One of the window's four rooms.

    A subclass has the constructor `(library: Library | None, settings: Settings, parent: QWidget | None = None)`. It
    calls this constructor first, builds its widgets, and ends with `self.set_library(library)`. It declares what it
    can do in the one table of `egma_app.actions` and binds it with `actions.bind(self, name, {id: slot})`; the window
    makes the menus from the widget's own `actions()`. The explorer also has `open(checkpoint, film)`, see `Explorer`.

    Attributes:
        explore_wanted: Emitted with the folder of a run or checkpoint that the explorer should open.
        review_wanted: Emitted with the id of a reading that somebody wants to look at.
        name: The short name used in the action table and on the command line.
        title: What the window calls it.
        library: The open library, or None.
        settings: The window's settings.
    """

    explore_wanted = Signal(object)
    review_wanted = Signal(int)
    name: str = ""
    title: str = ""

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        """Hold the settings; there is no library before `set_library`."""
        super().__init__(parent)
        self.settings = settings
        self.library: Library | None = None

    def set_library(self, library: Library | None) -> None:
        """Show another library, or none. An override calls this first, then reads what it shows."""
        if self.library is not None:
            self.library.changed.disconnect(self.library_changed)
        self.library = library
        if library is not None:
            library.changed.connect(self.library_changed)

    def library_changed(self, changes: Changes) -> None:
        """Show what changed, if this workspace shows such rows. Does nothing unless overridden."""

    def activated(self) -> None:
        """The workspace has come to the front. Does nothing unless overridden."""

    def confines(self) -> str:
        """Why nobody may go to another workspace now, in words; "" while everybody may."""
        return ""

    def may_close(self) -> bool:
        """Whether the window may close or change its library now; may ask the person. Children are let go on True."""
        return True


class Reviewer(Protocol):
    """What the review workspace can do besides."""

    def open(self, reading_id: int) -> None:
        """Open a reading of the library."""
        ...


class Explorer(Protocol):
    """What the explorer can besides: show what need not be in any library."""

    def open(self, checkpoint: Path | None, film: Path | None) -> None:
        """Open the folder of a run or checkpoint, and a film's file that is shown and never stored; None changes nothing."""
        ...
