"""One of a study's workers: a process that draws films, lets them be read, and trains and judges one model after another.

`python -m egma_core.ablation.worker`, JSON lines in and out (see `egma_core.child`). A worker keeps torch, the held-out films and
what it decoded from one run to the next. Commands, each answered by one event, `finished` or `stopped` with `task`:

- `{"do": "films", "task": N, "study": FOLDER, "seeds": [...]}` draws phantoms.
- `{"do": "without", "task": N, "study": FOLDER, "seeds": [...]}` draws test films once more without each of their findings.
- `{"do": "readings", "task": N, "study": FOLDER, "reader": NAME}` makes the manifest of one reader variant.
- `{"do": "run", "task": N, "study": FOLDER, "run": NAME}` trains, judges and writes the result; `step` events tell how far it is.

`{"do": "stop"}`, or the end of stdin, lets a training save its state and stop. What nobody foresaw is an `error` event too, and the
worker's end; the details are kept in `errors.log` in the study's folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from egma_core.ablation.counterfactual import draw_without
from egma_core.ablation.folder import StudyFolder
from egma_core.ablation.readings import RECIPE, read_phantoms
from egma_core.child import Channel, Command, serve
from egma_core.errors import ConfigError, MissingExtraError
from egma_core.examples.manifest import Manifest
from egma_core.examples.splits import Split
from egma_core.inference.prompts import builtin
from egma_core.store.store import recipe_hash
from egma_core.synthetic.films import Phantom, make_phantom
from egma_core.synthetic.phantoms import write_phantom

if TYPE_CHECKING:
    from egma_core.ablation.trial import Trials

PROMPTS = "phantom"
"""The prompt set of the findings; none of its sentences is one that a simulated reader says."""


class Worker:
    """Carries out a study's tasks, one at a time."""

    def __init__(self, channel: Channel) -> None:
        """Answer on `channel`."""
        self._channel = channel
        self._stopping = False
        self._trials: Trials | None = None
        self._folder: StudyFolder | None = None

    def tell(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """Say in words that this process ends because of something that nobody foresaw; for `sys.excepthook`."""
        remedy = "Run the same command again to go on."
        if self._folder is not None:
            with contextlib.suppress(OSError), self._folder.errors.open("a", encoding="utf-8", newline="\n") as log:
                log.write("".join(traceback.format_exception(kind, error, trace)) + "\n")
                remedy = f"{remedy} If it happens again, {self._folder.errors.name} in the study's folder tells where."
        self._channel.emit("error", what=f"A worker of the study failed unexpectedly ({kind.__name__}: {error}).", remedy=remedy)
        self._channel.close()

    def handle(self, command: Command) -> None:
        """Carry out one command.

        Raises:
            EgmaError: It cannot be carried out.
        """
        if command.do == "stop":
            self._stopping = True
            return
        folder = StudyFolder(Path(str(command.values.get("study", ""))))
        self._folder = folder
        if command.do == "films":
            fields = command.fields({"task": int, "study": str, "seeds": list})
            draw_films(folder, fields["seeds"])
        elif command.do == "without":
            fields = command.fields({"task": int, "study": str, "seeds": list})
            draw_films_without(folder, fields["seeds"])
        elif command.do == "readings":
            fields = command.fields({"task": int, "study": str, "reader": str})
            make_manifest(folder, fields["reader"])
        elif command.do == "run":
            fields = command.fields({"task": int, "study": str, "run": str})
            if not self._run(folder, fields["run"], fields["task"]):
                self._channel.emit("stopped", task=fields["task"])
                return
        else:
            raise ConfigError(f"There is no command '{command.do}'.", "Known are films, without, readings, run, stop and quit.")
        self._channel.emit("finished", task=fields["task"])

    def _run(self, folder: StudyFolder, name: str, task: int) -> bool:
        try:
            # torch takes seconds to import; drawing films need not wait for it.
            from egma_core.ablation.trial import Trials
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] == "egma_core":
                raise
            raise MissingExtraError("Training", "train") from error
        if self._trials is None:
            self._trials = Trials(folder, builtin(PROMPTS).prompts)

        def emit(event: dict[str, Any]) -> None:
            if event["event"] == "step":
                self._channel.emit("step", task=task, step=event["step"], steps=event["steps"])

        return self._trials.run(name, emit, self._should_stop)

    def _should_stop(self) -> bool:
        while (command := self._channel.receive(0)) is not None:
            if command.do in ("stop", "quit"):
                self._stopping = True
            else:
                self._channel.fail(ConfigError(f"A training cannot do '{command.do}'.", 'Send {"do": "stop"}.'))
        return self._stopping or self._channel.ended


def draw_films(folder: StudyFolder, seeds: list[int]) -> None:
    """Draw phantoms' films that are not there yet.

    Raises:
        InterchangeError: A file cannot be written.
    """
    folder.films.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        phantom = make_phantom(seed)
        if not folder.film(phantom).is_file():
            write_phantom(folder.films, phantom)


def draw_films_without(folder: StudyFolder, seeds: list[int]) -> None:
    """Draw the network pictures of phantoms' films without each of their findings, where they are not there yet.

    Raises:
        ConfigError: The folder holds no study, or the program draws a phantom otherwise than its film was drawn.
        ImageError: A film cannot be read.
    """
    size_px = folder.plan().size_px
    for phantom in map(make_phantom, seeds):
        draw_without(folder.film(phantom), phantom, size_px, folder.without(phantom))


def make_manifest(folder: StudyFolder, reader: str) -> None:
    """Let all films be read, the training films by one reader variant, and write the manifest.

    Raises:
        ConfigError: The study has no such reader variant.
    """
    plan = folder.plan()
    variant = next((known for known in plan.readers if known.name == reader), None)
    if variant is None:
        raise ConfigError(f"The study has no reader {reader}.", f"It has: {', '.join(known.name for known in plan.readers)}.")
    phantoms: list[tuple[Phantom, Split]] = [(make_phantom(seed), split) for split, seeds in plan.phantom_seeds().items() for seed in seeds]
    examples = read_phantoms(phantoms, _digest, folder.films, variant.model, seed=plan.reading_seed, rate_hz=plan.rate_hz)
    path = folder.manifest(reader)
    path.parent.mkdir(parents=True, exist_ok=True)
    Manifest(folder.films, tuple(examples), recipe_hash(RECIPE.record()), plan.reading_seed).save(path)


def _digest(film: Path) -> str:
    return hashlib.sha256(film.read_bytes()).hexdigest()


def main() -> None:
    """Serve on this process's stdin and stdout until stdin ends."""
    channel = Channel.standard()
    worker = Worker(channel)
    sys.excepthook = worker.tell
    serve(channel, worker.handle)


if __name__ == "__main__":
    main()
