"""`egma export gaze`, `egma export prediction`: results as DICOM; `egma quarantine`: films whose pictures must be looked at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from egma_app.cli.command import FOLDER, PATH, store_option
from egma_app.cli.library import allow_text_option
from egma_core.errors import ConfigError

if TYPE_CHECKING:
    from egma_core.dicom.burned_in import Box

out_option = click.option("--out", type=FOLDER, required=True, help="Folder for the DICOM files; made if need be.")


@click.command(name="gaze")
@store_option
@click.option("--reading", type=int, required=True, help="The reading; it must have been processed.")
@allow_text_option
@out_option
def export_gaze(library: str, reading: int, allow_text: bool, out: Path) -> None:
    """Write a reading's gaze as DICOM: the film with its heat map, and the maps as a fractional Segmentation."""
    from egma_core.interchange.gaze_dicom import export_gaze as write_gaze
    from egma_core.store.store import Store

    with Store.open(library, read_only=True) as store:
        written = write_gaze(store, reading, out, allow_text=allow_text)
    _say_written(written)


@click.command(name="prediction")
@click.argument("run", type=PATH)
@store_option
@click.option("--film", required=True, metavar="UID", help="SOP Instance UID of a film of the library.")
@click.option("--prompts", help="A prompt set: a TOML file, or the name of one of the program's own.")
@click.option("--say", multiple=True, metavar="SENTENCE", help="Score this sentence instead; may be repeated.")
@out_option
def export_prediction(run: Path, library: str, film: str, prompts: str | None, say: tuple[str, ...], out: Path) -> None:
    """Write what the model of RUN says of a film as DICOM: overlay, similarity maps, and scores as a Structured Report."""
    from egma_app.cli.model import prompt_set
    from egma_core.inference.dicom_results import export_prediction as write_prediction
    from egma_core.inference.predictor import Predictor
    from egma_core.inference.reference import reference_films
    from egma_core.store.store import Store

    if bool(prompts) == bool(say):
        raise ConfigError("Nothing to score was given, or too much.", "Give either --prompts SET or one or more --say SENTENCE.")
    with Store.open(library, read_only=True) as store:
        path = store.instance(film).path
    predictor = Predictor(run)
    predictor.centre_on(predictor.encode_many(reference_films(predictor.checkpoint)))
    prediction = predictor.predict(path, prompt_set(prompts) if prompts else list(say))
    _say_written(write_prediction(path, prediction, out, model=predictor.checkpoint.name))


def _say_written(files: tuple[Path, ...]) -> None:
    for file in files:
        click.echo(file)
    click.echo("Research use only, not for diagnosis.", err=True)


@click.group()
def quarantine() -> None:
    """Films that may have text burned into their pictures: they wait outside the library until somebody has looked."""


@quarantine.command(name="list")
@store_option
def list_(library: str) -> None:
    """List the films that wait, with the file to look at and the reason."""
    from egma_core.interchange.quarantine import Quarantine
    from egma_core.store.store import Store

    with Store.open(library, read_only=True) as store:
        waiting = Quarantine(store).films()
    for film in waiting:
        click.echo(f"{film.instance_uid}  {film.path}\n  {film.reason}")
    click.echo(f"{len(waiting)} films wait.", err=True)


@quarantine.command()
@click.argument("uid")
@store_option
@click.option("--box", "boxes", multiple=True, metavar="LEFT,TOP,RIGHT,BOTTOM", help="Blacken this rectangle of pixels; may be repeated.")
def release(uid: str, library: str, boxes: tuple[str, ...]) -> None:
    """Let the film UID into the library, once you have LOOKED at it, with the boxes blackened for good."""
    from egma_core.interchange.quarantine import Quarantine
    from egma_core.store.store import Store

    covered = [_box(box) for box in boxes]
    with Store.open(library) as store:
        Quarantine(store).release(uid, covered)
    click.echo(f"{uid} is in the library, {len(covered)} boxes blackened.")


@quarantine.command()
@click.argument("uid")
@store_option
def discard(uid: str, library: str) -> None:
    """Delete the film UID from the quarantine; its original stays where it came from."""
    from egma_core.interchange.quarantine import Quarantine
    from egma_core.store.store import Store

    with Store.open(library, read_only=True) as store:
        Quarantine(store).discard(uid)
    click.echo(f"{uid} is deleted.")


def _box(said: str) -> Box:
    from egma_core.dicom.burned_in import Box

    parts = said.split(",")
    if len(parts) != 4 or not all(part.strip().isdecimal() for part in parts):
        raise ConfigError(f"{said} is no box.", "For example: --box 0,0,200,40")
    left, top, right, bottom = (int(part) for part in parts)
    return Box(left, top, right, bottom)
