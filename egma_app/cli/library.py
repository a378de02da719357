"""`egma import`, `egma record`, `egma process`, `egma export`: everything about a library's rows."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from egma_app.cli.command import FILE, FOLDER, PATH, bar, json_option, pairs, print_json, store_option
from egma_core.gaze.samples import GazeOrigin
from egma_core.speech.sentences import TextOrigin

if TYPE_CHECKING:
    from egma_core.dicom.burned_in import Suspicion
    from egma_core.interchange.films import ImportReport
    from egma_core.recording.recovery import Recovered

LABELS_HELP = "CSV with the columns image, patient_id, labels, sentences and, optionally, split; labels are separated by |."
columns_option = click.option(
    "--columns", multiple=True, metavar="NAME=THEIRS", help="Our column NAME is called THEIRS in the CSV; may be given several times."
)


@click.group(name="import")
def import_() -> None:
    """Bring films into a library, with identity removed on the way; or somebody's weights into a checkpoint."""


@import_.command(name="dicom")
@click.argument("folder", type=PATH)
@store_option
@click.option("--labels", type=FILE, help=LABELS_HELP)
@columns_option
@click.option(
    "--look-at",
    "suspicion",
    type=click.Choice(["stated", "likely", "unless_denied"]),
    default="likely",
    show_default=True,
    help="Films to set aside, since text may be burned in: that say so, of kinds that often have, or that do not deny it.",
)
def import_dicom_(folder: Path, library: str, labels: Path | None, columns: tuple[str, ...], suspicion: Suspicion) -> None:
    """Import every DICOM film below FOLDER (or one file, or a DICOMDIR's); LIBRARY is made if need be."""
    from egma_core.interchange.dicom import import_dicom
    from egma_core.store.store import Store

    with Store.open(library, create=True) as store, bar("Importing films") as progress:
        report = import_dicom(folder, store, labels=labels, columns=pairs(columns, "--columns"), progress=progress, suspicion=suspicion)
    say_import(report)


@import_.command(name="images")
@click.argument("folder", type=FOLDER)
@store_option
@click.option("--labels", type=FILE, required=True, help=LABELS_HELP)
@columns_option
def import_images_(folder: Path, library: str, labels: Path, columns: tuple[str, ...]) -> None:
    """Import the PNG and JPEG films below FOLDER that the CSV names; LIBRARY is made if need be."""
    from egma_core.interchange.images import import_images
    from egma_core.store.store import Store

    with Store.open(library, create=True) as store, bar("Importing films") as progress:
        report = import_images(folder, store, labels=labels, columns=pairs(columns, "--columns"), progress=progress)
    say_import(report)


@import_.command(name="medclip")
@click.argument("file", type=FILE)
@click.option("--out", type=FOLDER, required=True, help="The checkpoint's folder.")
@click.option("--vision", default="microsoft/swin-tiny-patch4-window7-224", show_default=True, help="Image backbone: folder or hub name.")
@click.option("--text", default="emilyalsentzer/Bio_ClinicalBERT", show_default=True, help="Text model: folder or hub name.")
@click.option("--size", "size_px", default=224, show_default=True, help="Side of the pictures the model will see, in pixels.")
@click.option("--legacy", is_flag=True, help="Average sentences over padding too, as MedCLIP and the paper's released code do.")
def import_medclip_(file: Path, out: Path, vision: str, text: str, size_px: int, legacy: bool) -> None:
    """Turn MedCLIP-ViT's FILE, its pytorch_model.bin, into a checkpoint; nothing in it can run code.

    Of the image backbone only the configuration is read, of the text model also the tokenizer.
    """
    from egma_core.model.medclip import import_medclip

    import_medclip(file, out, vision_source=vision, text_source=text, size_px=size_px, legacy=legacy)
    click.echo(f"The weights of {file.name} are in {out}.")


def say_import(report: ImportReport) -> None:
    """Print what an import did, refusals one a line."""
    click.echo(f"{report.imported} films imported, {report.already_there} were there already, {len(report.refused)} refused.")
    for refusal in report.refused:
        click.echo(f"  {refusal.file}: {refusal.reason}", err=True)
    if report.set_aside:
        click.echo(f"{len(report.set_aside)} wait until somebody has looked at their pictures: egma quarantine list", err=True)
    for film in report.set_aside:
        click.echo(f"  {film.file}: {film.reason}", err=True)


@click.command()
@store_option
@click.option("--tracker", default="simulated", show_default=True, help="The eye tracker: simulated, tobii, gazepoint, lsl, replay, ...")
@click.option("--address", default="", help="Which one, where there are several: its serial number, address or stream.")
@click.option("--rate", type=click.FloatRange(min=0, min_open=True), help="Samples per second; by default the tracker's own.")
@click.option("--seconds", type=click.FloatRange(min=0.1), default=10.0, show_default=True, help="How long to record, in real time.")
@click.option("--seed", default=0, show_default=True, help="Seed of the simulated eyes.")
@click.option("--replay", type=int, help="The reading whose gaze is replayed, with --tracker replay.")
def record(library: str, tracker: str, address: str, rate: float | None, seconds: float, seed: int, replay: int | None) -> None:
    """Record a reading of a blank film without a window; LIBRARY is made if need be."""
    from egma_core.recording.headless import record_headless
    from egma_core.store.store import Store

    chunks = itertools.count(1)  # one every 100 ms
    with Store.open(library, create=True) as store, bar("Recording") as progress:
        result = record_headless(
            store,
            tracker=tracker,
            rate_hz=rate,
            seconds=seconds,
            seed=seed,
            address=address,
            replayed=replay,
            recovered=_say_recovered,
            progress=lambda _standing: progress(next(chunks), round(seconds * 10)),
        )
    click.echo(f"Reading {result.id}: {result.n_samples} samples in {seconds:g} s, all durable.")
    if result.state != "complete":
        click.echo(f"It was ended early. {result.note}", err=True)


def _say_recovered(reading: Recovered) -> None:
    """An earlier recording was cut off."""
    safe = f"{reading.gaze_s:.1f} s of gaze, {reading.n_gaps} gaps"
    click.echo(f"Reading {reading.reading_id} was cut off and is recovered: {safe}. The window asks what becomes of it.", err=True)


@click.command()
@store_option
@click.option("--reading", type=int, help="Only this reading, even if it was processed before.")
@click.option("--recipe", "recipe_file", type=FILE, metavar="TOML", help="Eye, fixation filter, windows and width, where not the defaults.")
@click.option("--protocol", type=FILE, metavar="TOML", help="A study protocol, whose windows take the place of the recipe's.")
def process(library: str, reading: int | None, recipe_file: Path | None, protocol: Path | None) -> None:
    """Derive fixations and sentence gaze maps of all readings that lack them, or whose words or calibration changed since."""
    from egma_core.processing import DEFAULT_RECIPE, load_recipe, process_all, process_reading
    from egma_core.recording.protocol import load_protocol
    from egma_core.store.store import Store

    recipe = load_recipe(recipe_file) if recipe_file else DEFAULT_RECIPE
    if protocol is not None:
        recipe = dataclasses.replace(recipe, windows=load_protocol(protocol).windows)
    with Store.open(library) as store:
        if reading is not None:
            derivation = process_reading(store, reading, recipe)
            click.echo(f"Reading {reading}: {len(derivation.fixations)} fixations, {len(derivation.maps)} sentence gaze maps.")
            return
        with bar("Placing gaze") as progress:
            report = process_all(store, recipe, progress)
    click.echo(f"{len(report.processed)} readings processed, {len(report.already_there)} had been, {len(report.refused)} refused.")
    for refusal in report.refused:
        click.echo(f"  reading {refusal.reading_id}: {refusal.reason}", err=True)


@click.group()
def export() -> None:
    """Take something out of a library, with pseudonyms only."""


def choice_of_examples(command: Callable[..., None]) -> Callable[..., None]:
    """The options that say which of a library's rows become examples, named as `export_examples` takes them."""

    def origins(name: str, kind: str, known: tuple[str, ...]) -> Callable[[Callable[..., None]], Callable[..., None]]:
        return click.option(
            f"--{name}-origin",
            f"{name}_origins",
            multiple=True,
            type=click.Choice(known),
            callback=lambda _context, _parameter, chosen: chosen or None,
            help=f"Use {kind} of this origin; may be repeated.",
        )

    for option in (
        click.option("--seed", default=0, show_default=True, help="Seed of the split by patient."),
        click.option("--skip-unprocessed", is_flag=True, help="Leave out readings that were not processed, instead of refusing."),
        origins("text", "sentences", get_args(TextOrigin)),
        origins("gaze", "gaze", get_args(GazeOrigin)),
    ):
        command = option(command)
    return command


allow_text_option = click.option(
    "--allow-text", is_flag=True, help="Let texts out that may tell who somebody is; for when you have looked at them."
)


@export.command(name="examples")
@store_option
@click.option("--out", type=FILE, required=True, help="The manifest to write, JSON.")
@allow_text_option
@choice_of_examples
def export_examples_(library: str, out: Path, **chosen: Any) -> None:
    """Write a manifest of training examples: films, sentences, gaze, split by patient."""
    from egma_core.examples.export import export_examples
    from egma_core.interchange.release import must_stay_private, readers_who_refuse
    from egma_core.store.store import Store

    with Store.open(library) as store:
        manifest = export_examples(store, out, **chosen)
        refusing = readers_who_refuse(store)
        readings = store.readings(states=("complete", "recovered"))
        n_withheld = sum(reading.reader in refusing for reading in readings)
        private = {reading.reader for reading in readings if must_stay_private(store, reading.reader)} - refusing
    if n_withheld:
        click.echo(f"{n_withheld} readings stayed in the library: their readers did not agree, or not any more.", err=True)
    if private:
        click.echo(f"{len(private)} readers did not agree that recordings are shared: keep the manifest here.", err=True)
    click.echo(f"{len(manifest.examples)} examples in {out}, hash {manifest.hash[:16]}.")
    for split in ("train", "validation", "test"):
        click.echo(f"  {split:10} {len(manifest.of(split))}")


@export.command(name="samples")
@store_option
@click.option("--reading", type=int, required=True, help="The reading.")
@click.option("--out", type=FILE, required=True, help="The CSV to write.")
def export_samples(library: str, reading: int, out: Path) -> None:
    """Write a reading's raw gaze samples, one row a sample, for pandas or SQL."""
    from egma_core.interchange.samples import export_samples as write_samples
    from egma_core.store.store import Store

    with Store.open(library) as store:
        n = write_samples(store, reading, out)
    click.echo(f"{n} samples in {out}.")


@export.command(name="reading")
@store_option
@click.option("--reading", type=int, required=True, help="The reading.")
@click.option("--out", type=FOLDER, required=True, help="The folder to make.")
@click.option("--audio", is_flag=True, help="Let the audio go along: a voice tells who speaks.")
@allow_text_option
def export_reading_(library: str, reading: int, out: Path, audio: bool, allow_text: bool) -> None:
    """Write all that was recorded of a reading as tables: gaze, viewports, sentences, words as heard, key strokes."""
    from egma_core.interchange.readings import export_reading
    from egma_core.interchange.release import must_stay_private
    from egma_core.store.store import Store

    with Store.open(library) as store:
        written = export_reading(store, reading, out, audio=audio, allow_text=allow_text)
        private = must_stay_private(store, store.reading(reading).reader)
    click.echo(f"In {out}: {', '.join(written)}.")
    if private:
        click.echo("The reader did not agree that recordings are shared: keep the folder here.", err=True)


@export.command(name="audio")
@store_option
@click.option("--reading", type=int, required=True, help="The reading.")
@click.option("--out", type=FILE, required=True, help="The WAV file to write.")
def export_audio_(library: str, reading: int, out: Path) -> None:
    """Write a reading's audio as a WAV file; a voice tells who speaks."""
    from egma_core.interchange.readings import export_audio
    from egma_core.store.store import Store

    with Store.open(library) as store:
        seconds = export_audio(store, reading, out)
    click.echo(f"{seconds:.1f} s of audio in {out}.")


@export.command(name="check-text")
@store_option
@click.option("--show", is_flag=True, help="Show the texts themselves, with what was found in brackets.")
@json_option
def check_text(library: str, show: bool, as_json: bool) -> None:
    """Say which texts of a library may tell who somebody is, and why; the rules know English only."""
    from egma_core.interchange.release import library_passages, marked, suspects
    from egma_core.store.store import Store

    with Store.open(library) as store:
        found = suspects(library_passages(store))
    if as_json:
        listed = [{"place": s.passage.place, "found": [{"kind": f.kind, "reason": f.reason} for f in s.found]} for s in found]
        print_json({"texts": listed})
        return
    for suspect in found:
        click.echo(f"{suspect.passage.place}: {'; '.join(dict.fromkeys(f'{f.kind}: {f.reason}' for f in suspect.found))}")
        if show:
            click.echo(f"  {marked(suspect)}")
    click.echo(f"{len(found)} texts may tell who somebody is." if found else "No text was found that tells who somebody is.")
