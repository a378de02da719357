"""`egma protocol check`: whether a study protocol can be kept to, in a library."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import click

from egma_app.cli.command import FILE, store_option
from egma_core.errors import ConfigError


@click.group()
def protocol() -> None:
    """What an experiment fixes for every reader, in a TOML file."""


@protocol.command()
@click.argument("file", type=FILE)
@store_option
@click.option("--reader", multiple=True, help="Also list this reader's cases in their order; may be repeated.")
def check(file: Path, library: str, reader: tuple[str, ...]) -> None:
    """Say whether the study protocol FILE can be kept to in a library, and what is wrong with it where it cannot."""
    from egma_core.recording.protocol import case_list, load_protocol
    from egma_core.store.store import Store

    read = load_protocol(file)
    checks_keys = importlib.util.find_spec("PySide6") is not None
    if read.keys and checks_keys:
        from egma_app.capture.study import check_keys

        check_keys(read.keys)
    with Store.open(library, read_only=True) as store:
        studies, readings = store.studies(), store.readings()
    found = case_list(read, studies, readings, "")
    for case in found.missing:
        click.echo(f"  {case}: not in the library", err=True)
    for case in found.ambiguous:
        click.echo(f"  {case}: has several studies; name one by its Study Instance UID", err=True)
    n_wrong = len(found.missing) + len(found.ambiguous)
    if n_wrong:
        raise ConfigError(f"{n_wrong} of {n_wrong + len(found.studies)} cases of '{read.name}' cannot be read.", "Mend the list of cases.")
    n = len(found.studies)
    click.echo(f"'{read.name}' can be kept to: {n} {'case' if n == 1 else 'cases'}, {read.order}, dictation {read.dictation}.")
    if read.keys and not checks_keys:
        click.echo("Its keys were not looked at: the window (egma[app]) is not installed.", err=True)
    for name in reader:
        ordered = case_list(read, studies, readings, name).studies
        known = {"unread": "", "reading": " (being read)", "read": " (read)"}
        click.echo(f"{name}: {', '.join(f'{study.patient}{known[study.status]}' for study in ordered)}")
