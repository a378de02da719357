"""What becomes of broken films: thousands of mutants of sound ones, opened as any stranger's file is."""

from __future__ import annotations

import hashlib
import importlib.util
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from egma_app.bench.mutants import Mutant, Mutator
from egma_core.dicom.apart import PATIENCE_S, Decoder
from egma_core.dicom.display import render
from egma_core.dicom.image import DicomImage
from egma_core.dicom.limits import peak_bytes
from egma_core.dicom.process import MEMORY_BYTES
from egma_core.dicom.reader import read_copy, read_foreign
from egma_core.errors import ConfigError, EgmaError

LARGEST_FILM = 700_000
"""Bytes; larger films would only make the same mutants slower."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class SoundFilm:
    """A film that opens.

    Attributes:
        name: Its file's name.
        content: Its bytes.
        sha256: Their checksum.
        pixels: The stored values of its first frame.
        picture: What that frame looks like.
    """

    name: str
    content: bytes
    sha256: str
    pixels: NDArray[Any]
    picture: NDArray[np.uint8]


@dataclass
class Tally:
    """What has been seen so far.

    Attributes:
        outcomes: How many mutants of each kind had each outcome.
        crashes: Mutants at which an error left that was none of the program's own, with its kind.
        unproven: Mutants that were opened, without a note, with other pixels than the sound film although its pixel data was whole.
        uncaught: Mutants that the checksum of an import let through.
        slowest_s: The longest that any took, in seconds.
    """

    outcomes: dict[str, Counter[str]] = field(default_factory=dict)
    crashes: list[str] = field(default_factory=list)
    unproven: list[str] = field(default_factory=list)
    uncaught: int = 0
    slowest_s: float = 0.0

    def count(self, mutant: Mutant, outcome: str) -> None:
        """Count a mutant."""
        self.outcomes.setdefault(mutant.kind, Counter())[outcome] += 1

    def sum(self, outcome: str) -> int:
        """Mutants of any kind with an outcome."""
        return sum(counts[outcome] for counts in self.outcomes.values())


REFUSED = "refused"
SAME = "same picture"
SAME_PIXELS = "same pixels, shown as its header now says"
NOTED = "other pixels, with a note"
OTHER_DATA = "other pixels, from other pixel data"
UNPROVEN = "other pixels, from whole pixel data"
CRASH = "crash"


def bench_fuzz(mutants: int = 5000, films: Path | None = None, seed: int = 0, progress: Progress | None = None) -> dict[str, Any]:
    """Open mutants of sound films in the decoder's process, and see what is made of them.

    A mutant is judged by what the sound film shows: it may be refused, or show the same, or say that something is odd. Where
    its pixel data was changed, its picture is bound to be another and no viewer can know; what stands against that is the
    checksum that an import keeps, with which every mutant is opened too and must be refused. Where only its header was
    changed and its picture is another nevertheless, the header is a legal one of another film (of other bits or another sign);
    these are listed as `unproven`.

    Args:
        mutants: How many.
        films: A folder of DICOM files to break, searched to its depths; None for those that come with pydicom.
        seed: Another seed makes other mutants.
        progress: Called with mutants done and mutants in all.

    Raises:
        ConfigError: No film in the folder opens.
    """
    decoder, tally, began = Decoder(), Tally(), time.perf_counter()
    try:
        sound = sound_films(films or _bundled(), decoder)
        mutators = [Mutator(film.content, (seed, index)) for index, film in enumerate(sound)]
        decoder.deaths = decoder.delays = decoder.peak_bytes = 0
        with tempfile.TemporaryDirectory(prefix="egma-fuzz-") as folder:
            path = Path(folder) / "mutant.dcm"
            for number in range(mutants):
                film = sound[number % len(sound)]
                mutant = mutators[number % len(sound)].mutant(number // len(sound))
                path.write_bytes(mutant.content)
                _judge(path, film, mutant, decoder, tally)
                if progress is not None:
                    progress(number + 1, mutants)
    finally:
        decoder.close()
    return _report(sound, decoder, tally, mutants, time.perf_counter() - began)


def sound_films(folder: Path, decoder: Decoder) -> list[SoundFilm]:
    """The films below a folder that open.

    Raises:
        ConfigError: There is none.
    """
    found: list[SoundFilm] = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and 132 < path.stat().st_size <= LARGEST_FILM):
        try:
            image = read_foreign(path, frame=0, decoder=decoder)
        except EgmaError:
            continue
        content = path.read_bytes()
        found.append(SoundFilm(path.name, content, hashlib.sha256(content).hexdigest(), image.pixels[0], render(image)))
    if not found:
        raise ConfigError(f"There is no film below {folder} that opens.", "Choose a folder of DICOM films.")
    return found


def _bundled() -> Path:
    spec = importlib.util.find_spec("pydicom")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "data" / "test_files"


def _judge(path: Path, film: SoundFilm, mutant: Mutant, decoder: Decoder, tally: Tally) -> None:
    began = time.perf_counter()
    image: DicomImage | None = None
    picture = film.picture
    try:
        image = read_foreign(path, frame=0, decoder=decoder)
        picture = render(image)
    except EgmaError:
        pass
    except Exception as error:  # noqa: BLE001 - what leaves as anything else is what this benchmark looks for
        tally.crashes.append(f"{film.name}, {mutant.kind}: {type(error).__name__}")
        tally.count(mutant, CRASH)
        return
    tally.slowest_s = max(tally.slowest_s, time.perf_counter() - began)
    tally.count(mutant, outcome := _outcome(image, picture, film, mutant))
    if outcome == UNPROVEN:
        tally.unproven.append(f"{film.name}: {mutant.kind} {mutant.element}".strip())
    if mutant.content != film.content:
        try:
            read_copy(path, film.sha256)
        except EgmaError:
            return
        tally.uncaught += 1


def _outcome(image: DicomImage | None, picture: NDArray[np.uint8], film: SoundFilm, mutant: Mutant) -> str:
    if image is None:
        return REFUSED
    if np.array_equal(picture, film.picture):
        return SAME
    if np.array_equal(image.pixels[0], film.pixels):
        return SAME_PIXELS
    if image.notes:
        return NOTED
    return UNPROVEN if mutant.where == "header" else OTHER_DATA


def _report(sound: list[SoundFilm], decoder: Decoder, tally: Tally, mutants: int, seconds: float) -> dict[str, Any]:
    return {
        "mutants": mutants,
        "films": len(sound),
        "seconds": round(seconds, 1),
        "crashes": len(tally.crashes),
        "crash_kinds": sorted(set(tally.crashes)),
        "decoders_that_died": decoder.deaths,
        "decoders_that_hung": decoder.delays,
        "slowest_s": round(tally.slowest_s, 2),
        "time_limit_s": PATIENCE_S,
        "decoder_peak_mib": round(decoder.peak_bytes / 2**20),
        "own_peak_mib": round(peak_bytes() / 2**20),
        "memory_limit_mib": MEMORY_BYTES // 2**20,
        "outcomes": {name: tally.sum(name) for name in (REFUSED, SAME, SAME_PIXELS, NOTED, OTHER_DATA, UNPROVEN, CRASH)},
        "outcomes_by_kind": {kind: dict(counts) for kind, counts in sorted(tally.outcomes.items())},
        "unproven": tally.unproven,
        "changed_copies_that_the_checksum_let_through": tally.uncaught,
    }
