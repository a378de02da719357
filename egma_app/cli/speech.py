"""`egma transcribe`, `egma align`: from speech to words, and from words to their times."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from egma_app.cli.command import FILE, FOLDER, bar, json_option, print_json, store_option
from egma_core.errors import ConfigError, SpeechError


@click.command()
@click.argument("recording", type=FILE, required=False, metavar="[RECORDING.wav]")
@click.option("--store", "library", metavar="LIBRARY", help="Take the audio of a reading in this library instead of a file.")
@click.option("--reading", type=int, help="Which reading.")
@click.option("--engine", default="moonshine", show_default=True, help="moonshine, which brings its model, or whisper.")
@click.option("--model", type=FOLDER, help="The folder of whisper's model, in the format of CTranslate2. Nothing is downloaded.")
@json_option
def transcribe(recording: Path | None, library: str | None, reading: int | None, engine: str, model: Path | None, as_json: bool) -> None:
    """Write down what is said in RECORDING.wav, or in a reading, with the time of every word.

    Spoken punctuation (full stop, comma, new line) is understood. Nothing in a library is changed.
    """
    from egma_core.dictation.sound import ReadingSound
    from egma_core.dictation.transcribe import transcribe_recording
    from egma_core.speech.audio import read_wav
    from egma_core.speech.transcriber import open_transcriber
    from egma_core.store.store import Store

    if (recording is None) == (library is None) or (library is None) != (reading is None):
        raise ConfigError("Nothing, or too much, was named to be understood.", "Name a WAV file, or --store LIBRARY and --reading N.")
    if recording is not None:
        samples, rate_hz = read_wav(recording)
    else:
        with Store.open(str(library), read_only=True) as store:
            sound = ReadingSound(store, int(reading or 0))
            samples, rate_hz = sound.update(), sound.rate_hz
        if not len(samples):
            raise SpeechError(f"Reading {reading} has no audio.", "Choose one that was recorded with a microphone.")
    transcriber = open_transcriber(engine, model)
    try:
        with bar("Understanding") as progress:
            sentences = transcribe_recording(samples, rate_hz, transcriber, progress)
    finally:
        transcriber.close()
    if as_json:
        told = [{"text": sentence.text, "words": [dataclasses.asdict(word) for word in sentence.words]} for sentence in sentences]
        print_json({"engine": engine, "duration_s": len(samples) / rate_hz, "sentences": told})
        return
    for sentence in sentences:
        if sentence.words:
            click.echo(f"{sentence.words[0].onset_s:8.2f} {sentence.words[-1].offset_s:8.2f}  {sentence.text}")


@click.command()
@store_option
@click.option(
    "--reading", "chosen", type=int, multiple=True, help="Only this reading; may be given several times. By default all that ended."
)
def align(library: str, chosen: tuple[int, ...]) -> None:
    """Find when each word of the dictated text, as it was finally edited, was said.

    The result is a revision of each reading's text; what was recorded stays. Readings without audio are passed over.
    """
    from egma_core.dictation.align import align_reading
    from egma_core.store.store import Store

    with Store.open(library) as store:
        readings = chosen or tuple(reading.id for reading in store.readings(states=("complete", "recovered")))
        n_done = n_same = n_silent = 0
        with bar("Aligning") as progress:
            for index, reading_id in enumerate(readings):
                try:
                    changes = align_reading(store, reading_id)
                except SpeechError:
                    if chosen:
                        raise
                    n_silent += 1
                else:
                    n_done += bool(changes.tables)
                    n_same += not changes.tables
                progress(index + 1, len(readings))
    click.echo(f"Readings aligned: {n_done}; nothing to do: {n_same}; without audio that could be used: {n_silent}.")
