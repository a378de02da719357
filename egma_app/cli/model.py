"""`egma train`, `egma evaluate`, `egma predict`: everything about a model."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from egma_app.cli.command import FILE, FOLDER, PATH, bar, json_option, print_json
from egma_app.cli.library import choice_of_examples
from egma_core.errors import ConfigError

if TYPE_CHECKING:
    from egma_core.inference.prompts import PromptSet


@click.command()
@click.argument("config")
@click.option("--store", "library", metavar="LIBRARY", help="Train on this library's readings, exported on the way.")
@click.option("--manifest", type=FILE, help="Train on these examples instead.")
@click.option("--out", type=FOLDER, required=True, help="The run's folder; a run that it holds goes on.")
@choice_of_examples
def train(config: str, library: str | None, manifest: Path | None, out: Path, **chosen: Any) -> None:
    """Train by CONFIG: a TOML file, or the name of one of the program's own (demo, tiny, paper).

    Ctrl+C saves a checkpoint and stops; the same command then goes on from it.
    """
    from egma_core.examples.export import export_examples
    from egma_core.store.store import Store
    from egma_core.training.config import load_config, preset
    from egma_core.training.process import run_training

    if (library is None) == (manifest is None):
        raise ConfigError("Training needs examples.", "Give either --store LIBRARY or --manifest FILE.")
    settings = load_config(Path(config)) if config.endswith(".toml") else preset(config)
    with tempfile.TemporaryDirectory(prefix="egma-") as folder, bar("Training") as progress:
        if library is not None:
            manifest = Path(folder) / "manifest.json"
            with Store.open(library) as store:
                export_examples(store, manifest, **chosen)
        assert manifest is not None

        def tell(event: dict[str, Any]) -> None:
            if event["event"] == "step":
                progress(event["step"], event["steps"])

        ended = run_training(settings, manifest, out, tell)
    click.echo(f"Training {ended}: {out}")


@click.command()
@click.argument("run", type=PATH)
@click.option("--manifest", type=FILE, help="The examples; by default those that the run was trained from.")
@click.option("--split", type=click.Choice(["train", "validation", "test"]), default="test", show_default=True, help="What to report on.")
@click.option(
    "--prompts", default="chexpert_8x200", show_default=True, help="A prompt set: a TOML file, or the name of one of the program's own."
)
@click.option(
    "--centre/--no-centre",
    default=True,
    show_default=True,
    help="Take each prompt's score relative to its mean over the run's validation films, whose labels are not looked at.",
)
@click.option("--gaze/--no-gaze", default=True, show_default=True, help="Also compare with the readers' gaze.")
@json_option
def evaluate(run: Path, manifest: Path | None, split: str, prompts: str, centre: bool, gaze: bool, as_json: bool) -> None:
    """Zero-shot figures of a run or checkpoint, and its agreement with the readers' gaze, on one split."""
    from egma_core.evaluation.gaze_agreement import evaluate_gaze_agreement
    from egma_core.evaluation.zero_shot import evaluate_zero_shot
    from egma_core.examples.manifest import Manifest
    from egma_core.examples.splits import named_split
    from egma_core.inference.predictor import Predictor
    from egma_core.inference.reference import reference_films

    predictor = Predictor(run)
    examples = Manifest.load(manifest or predictor.checkpoint.parent.parent / "manifest.json")
    chosen = named_split(split)
    assert chosen is not None
    if centre:
        predictor.centre_on(predictor.encode_many(reference_films(predictor.checkpoint)))
    with bar("Evaluating") as progress:
        figures: dict[str, Any] = {
            "zero_shot": evaluate_zero_shot(predictor, examples, chosen, _prompts(prompts), progress=progress).to_json()
        }
        if gaze and any(s.gaze is not None for e in examples.of(chosen) for s in e.sentences):
            figures["gaze_agreement"] = evaluate_gaze_agreement(predictor, examples, chosen, progress=progress).to_json()
    if as_json:
        print_json(figures)
        return
    for name, part in figures.items():
        click.echo(name.replace("_", " "))
        for key, value in part.items():
            if key == "ci95" and None not in value:
                click.echo(f"  {'95 % interval':28} {value[0]:.3f} to {value[1]:.3f}")
            elif isinstance(value, int | float):
                click.echo(f"  {key:28} {value:.3f}" if isinstance(value, float) else f"  {key:28} {value}")


@click.command()
@click.argument("run", type=PATH)
@click.argument("film", type=FILE)
@click.option("--prompts", help="A prompt set: a TOML file, or the name of one of the program's own.")
@click.option("--say", multiple=True, metavar="SENTENCE", help="Score this sentence instead; may be repeated.")
@click.option("--overlay", type=FILE, help="Write the film with the similarity map of the best sentence over it, PNG.")
@json_option
def predict(run: Path, film: Path, prompts: str | None, say: tuple[str, ...], overlay: Path | None, as_json: bool) -> None:
    """Score FILM (a DICOM file) by the model of a run or checkpoint. The film is read, never stored."""
    from egma_core.dicom.reader import read_image
    from egma_core.inference.predictor import Predictor
    from egma_core.inference.reference import reference_films

    if bool(prompts) == bool(say):
        raise ConfigError("Nothing to score was given, or too much.", "Give either --prompts SET or one or more --say SENTENCE.")
    image = read_image(film)
    predictor = Predictor(run)
    reference = reference_films(predictor.checkpoint)
    predictor.centre_on(predictor.encode_many(reference))
    prediction = predictor.predict(image, _prompts(prompts) if prompts else list(say))
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


def _prompts(name: str) -> PromptSet:
    from egma_core.inference.prompts import builtin, load_prompts

    return load_prompts(Path(name)) if name.endswith(".toml") else builtin(name)
