"""`egma train`, `egma predict`: making and asking a model."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from egma_app.cli.command import FILE, FOLDER, PATH, bar, json_option, pairs, print_json
from egma_app.cli.evaluation import prompt_set
from egma_app.cli.library import choice_of_examples
from egma_app.cli.progress import training_line
from egma_core.errors import ConfigError, EgmaError

TRY_AGAIN = 75
"""EX_TEMPFAIL of <sysexits.h>."""


@click.command()
@click.argument("config")
@click.option("--store", "library", metavar="LIBRARY", help="Train on this library's readings, exported on the way.")
@click.option("--manifest", type=FILE, help="Train on these examples instead.")
@click.option("--out", type=FOLDER, required=True, help="The run's folder; a run that it holds goes on.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="Change a setting, such as optim.steps=10; may be repeated.")
@choice_of_examples
def train(config: str, library: str | None, manifest: Path | None, out: Path, settings: tuple[str, ...], **chosen: Any) -> None:
    """Train by CONFIG: a TOML file, or the name of one of the program's own (demo, tiny, paper, release).

    The same on one CPU or GPU, on several (--set devices=4), and under torchrun or srun on many machines. Ctrl+C, SIGTERM
    and SIGUSR1 save a checkpoint and stop; the same command then goes on from it, and after a crash from the last one.

    The exit status is 0 when training is done or Ctrl+C stopped it, and 75 (try again later) when SIGTERM or SIGUSR1 did,
    so that a batch script knows to queue the job again.
    """
    from egma_core.examples.export import export_examples
    from egma_core.interchange.release import keep_here
    from egma_core.store.store import Store
    from egma_core.training.config import load_config, override, preset
    from egma_core.training.place import find_place
    from egma_core.training.process import run_training

    if (library is None) == (manifest is None):
        raise ConfigError("Training needs examples.", "Give either --store LIBRARY or --manifest FILE.")
    read = load_config(Path(config)) if config.endswith(".toml") else preset(config)
    read = override(read, pairs(settings, "--set", "optim.steps=10"))
    place = find_place()
    with tempfile.TemporaryDirectory(prefix="egma-") as folder, bar("Training", shown=place.leads) as progress:
        if library is not None:
            manifest = Path(folder) / "manifest.json"
            with Store.open(library) as store:
                export_examples(store, manifest, allow_text=True, **chosen)
                advice = keep_here(store)
            if advice and place.leads:
                click.echo(advice, err=True)
        assert manifest is not None

        def tell(event: dict[str, Any]) -> None:
            if event["event"] == "step":
                progress(event["step"], event["steps"])
            elif line := training_line(event):
                click.echo(line)

        try:
            if run_training(read, manifest, out, tell) == "warned":
                sys.exit(TRY_AGAIN)
        except EgmaError as error:
            if place.leads:
                raise
            click.echo(f"egma (process {place.rank + 1} of {place.world}): {error}", err=True)
            sys.exit(2)


@click.command()
@click.argument("run", type=PATH)
@click.argument("film", type=FILE)
@click.option("--prompts", help="A prompt set: a TOML file, or the name of one of the program's own.")
@click.option("--say", multiple=True, metavar="SENTENCE", help="Score this sentence instead; may be repeated.")
@click.option("--overlay", type=FILE, help="Write the film with the similarity map of the best sentence over it, PNG.")
@json_option
def predict(run: Path, film: Path, prompts: str | None, say: tuple[str, ...], overlay: Path | None, as_json: bool) -> None:
    """Score FILM (a DICOM file) by the model of a run or checkpoint. The film is read, never stored."""
    from egma_core.dicom.reader import read_foreign
    from egma_core.inference.predictor import Predictor
    from egma_core.inference.reference import reference_films

    if bool(prompts) == bool(say):
        raise ConfigError("Nothing to score was given, or too much.", "Give either --prompts SET or one or more --say SENTENCE.")
    image = read_foreign(film)
    predictor = Predictor(run)
    reference = reference_films(predictor.checkpoint)
    predictor.centre_on(predictor.encode_many(reference))
    prediction = predictor.predict(image, prompt_set(prompts) if prompts else list(say))
    scores = {
        name: (float(s), float(p)) for name, s, p in zip(prediction.classes, prediction.scores, prediction.probabilities, strict=True)
    }
    if overlay is not None:
        from egma_core.dicom.display import render
        from egma_core.inference.similarity import on_image
        from egma_core.overlay.maps import similarity_rgba
        from egma_core.overlay.picture import compose, save_png

        save_png(overlay, compose(render(image), similarity_rgba(on_image(prediction.maps[int(prediction.sentence_scores.argmax())]))))
    if as_json:
        print_json({name: {"score": score, "preference": share} for name, (score, share) in scores.items()})
        return
    if reference:
        click.echo(f"Scores are relative to their mean over {len(reference)} validation films of the run.")
    if len(scores) == 1:
        click.echo(f"  {prediction.scores[0]:8.3f}  {prediction.classes[0]}")
        return
    click.echo("Share of preference among these classes, not the chance that a finding is present; score; class:")
    for name, (score, share) in sorted(scores.items(), key=lambda item: -item[1][0]):
        click.echo(f"  {share:6.1%}  {score:8.3f}  {name}")
