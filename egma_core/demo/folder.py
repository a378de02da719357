"""The demo's folder, and the note in it of which stages are finished, so that a second run goes on or starts over."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from egma_core.errors import ConfigError
from egma_core.store.store import Store

NOTE = "demo.json"
SIMULATED_READER = "Simulated reader "
"""How the names of the demo's own readers begin."""


@dataclass
class DemoFolder:
    """Where a demo lives and how far it got.

    Attributes:
        path: The folder.
        plan: Everything that decides the demo's result, as plain values; another plan means starting over.
        seconds: Seconds each finished stage took, by its name.
    """

    path: Path
    plan: dict[str, Any]
    seconds: dict[str, float] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path, plan: dict[str, Any], *, fresh: bool = False) -> DemoFolder:
        """Take up the demo in `path`, or begin one there.

        Args:
            path: The folder; made if need be.
            plan: What the demo is going to be.
            fresh: Start over even if an unfinished or finished demo of the same plan is there.

        Raises:
            ConfigError: The folder holds something that is no demo, or cannot be written, or starting over would remove
                readings that people recorded into the demo's library.
            StoreError: The demo's library would have to be removed and cannot be read.
        """
        note = path / NOTE
        try:
            if path.exists() and not path.is_dir():
                raise ConfigError(f"{path} is a file, not a folder.", "Name another folder with --out.")
            if path.is_dir() and any(path.iterdir()):
                if not note.is_file():
                    raise ConfigError(f"The folder {path} holds other things than a demo.", "Name a new or empty folder with --out.")
                kept = json.loads(note.read_text(encoding="utf-8"))
                if kept.get("plan") == plan and not fresh:
                    return cls(path, plan, dict(kept["seconds"]))
                _clear(path)
            path.mkdir(parents=True, exist_ok=True)
            folder = cls(path, plan)
            folder._write()
        except (OSError, ValueError) as error:
            raise ConfigError(f"The folder {path} cannot be used for a demo ({error}).", "Name another folder with --out.") from error
        return folder

    def finished(self, stage: str) -> bool:
        """Whether a stage is finished."""
        return stage in self.seconds

    @contextmanager
    def stage(self, name: str) -> Generator[None, None, None]:
        """Time a stage and note it as finished, unless it fails."""
        start = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - start, 1)
        self._write()

    def _write(self) -> None:
        unfinished = self.path / f"{NOTE}.part"
        unfinished.write_text(json.dumps({"plan": self.plan, "seconds": self.seconds}, indent=1), encoding="utf-8")
        unfinished.replace(self.path / NOTE)


MADE_HERE = (
    "films",
    "library.sqlite",
    "library.sqlite-wal",
    "library.sqlite-shm",
    "library.files",
    "manifest.json",
    "run",
    "overlays",
    "report.json",
)


def _clear(path: Path) -> None:
    """Remove what a demo makes, and nothing else; a library that people have recorded into stays."""
    _refuse_to_lose_readings(path / "library.sqlite")
    for name in MADE_HERE:
        made = path / name
        if made.is_dir():
            shutil.rmtree(made)
        else:
            made.unlink(missing_ok=True)
    (path / NOTE).unlink()


def _refuse_to_lose_readings(library: Path) -> None:
    if not library.is_file():
        return
    with Store.open(library, read_only=True) as store:
        n = sum(not reading.reader.startswith(SIMULATED_READER) for reading in store.readings())
    if n:
        what = f"The demo in {library.parent} would start over, but its library holds {n} readings that people recorded."
        raise ConfigError(what, "Name another folder with --out.")
