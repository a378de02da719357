"""`egma pacs`: connections to PACS, searching them, bringing their studies into a library, and sending results back."""

from __future__ import annotations

import dataclasses
import os
import threading
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from egma_app.cli.command import FILE, bar, json_option, print_json, store_option
from egma_app.cli.library import say_import
from egma_core.errors import ConfigError

if TYPE_CHECKING:
    from egma_core.dicom.pacs.connections import Connection
    from egma_core.dicom.pacs.values import Pacs, RemoteStudy, StudyQuery
    from egma_core.interchange.films import ImportReport

PASSWORD_VARIABLE = "EGMA_PACS_PASSWORD"


@click.group()
def pacs() -> None:
    """Search a PACS, bring its studies into a library with identity removed on the way, and send results to it."""


@pacs.command()
@click.argument("name")
@click.option("--dimse", "address", metavar="HOST:PORT", help="Where it listens for DIMSE.")
@click.option("--title", default="ANY-SCP", show_default=True, help="Its AE title.")
@click.option("--own-title", default="EGMA", show_default=True, help="Our AE title, as it knows us.")
@click.option("--listen-port", default=0, help="Fetch by C-MOVE, and receive at this port; by default films are fetched by C-GET.")
@click.option("--listen-host", default="0.0.0.0", show_default=True, help="The address of this machine that receives.")
@click.option("--sender", default="", help="The AE title that films come from, where it is another than --title.")
@click.option("--web", "url", metavar="URL", help="Where it answers DICOMweb: the address that /studies follows.")
@click.option("--user", default="", help="Who logs in to DICOMweb; the password is asked for each time.")
def add(
    name: str,
    address: str | None,
    title: str,
    own_title: str,
    listen_port: int,
    listen_host: str,
    sender: str,
    url: str | None,
    user: str,
) -> None:
    """Save a connection as NAME; passwords are never saved."""
    from egma_core.dicom.pacs.connections import DimseConnection, WebConnection, save_connection

    if bool(address) == bool(url):
        raise ConfigError("A connection goes either to a DIMSE port or to a DICOMweb address.", "Give --dimse HOST:PORT or --web URL.")
    if url:
        connection: Connection = WebConnection(name, url, user)
    else:
        host, _, port = (address or "").rpartition(":")
        if not host or not port.isdecimal():
            raise ConfigError(f"{address} is no host and port.", "For example: --dimse pacs.example.org:104")
        connection = DimseConnection(name, host, int(port), title, own_title, listen_port, listen_host, sender)
    save_connection(connection)
    click.echo(f"{name}: {connection.kind}, {connection.place}.")


@pacs.command(name="list")
@json_option
def list_(as_json: bool) -> None:
    """List the saved connections."""
    from egma_core.dicom.pacs.connections import load_connections

    saved = load_connections()
    if as_json:
        print_json({name: dataclasses.asdict(connection) for name, connection in saved.items()})
        return
    for name, connection in saved.items():
        click.echo(f"{name:20} {connection.kind:14} {connection.place}")
    if not saved:
        click.echo("No connection is saved. Save one with: egma pacs add", err=True)


@pacs.command()
@click.argument("name")
def remove(name: str) -> None:
    """Delete the saved connection NAME."""
    from egma_core.dicom.pacs.connections import forget_connection

    forget_connection(name)
    click.echo(f"{name} is deleted.")


@pacs.command()
@click.argument("name")
def echo(name: str) -> None:
    """Ask the PACS for an answer, and nothing else."""
    _opened(name).echo()
    click.echo(f"{name} answers.")


@pacs.command()
@click.argument("name")
@click.option("--patient-id", default="", help="Patient ID; * stands for any letters.")
@click.option("--patient-name", default="", help="Patient's name, FAMILY^GIVEN; * stands for any letters.")
@click.option("--accession", default="", help="Accession number.")
@click.option("--modality", default="", help="CR, DX, ...")
@click.option("--from", "first_day", metavar="YYYY-MM-DD", help="The earliest day.")
@click.option("--to", "last_day", metavar="YYYY-MM-DD", help="The latest day.")
@click.option("--limit", default=100, show_default=True, help="At most this many studies.")
@json_option
def find(
    name: str,
    patient_id: str,
    patient_name: str,
    accession: str,
    modality: str,
    first_day: str | None,
    last_day: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Search the PACS for studies. What is printed names patients: it is for your eyes and no file."""
    from egma_core.dicom.pacs.values import StudyQuery

    query = StudyQuery(patient_id, patient_name, accession, "", modality, _day(first_day), _day(last_day), limit)
    found = _found(_opened(name), query)
    if as_json:
        print_json({study.study_uid: dataclasses.asdict(study) for study in found})
        return
    for study in found:
        kinds = "/".join(study.modalities) or "-"
        click.echo(f"{study.study_date:8} {kinds:6} {study.patient_id:16} {study.patient_name:30} {study.description}")
        click.echo(f"  {study.study_uid}  {study.n_instances or '?'} objects")
    click.echo(f"{len(found)} studies{', and there may be more' if len(found) == limit else ''}.", err=True)


@pacs.command()
@click.argument("name")
@click.argument("study_uids", metavar="STUDY_UID...", nargs=-1, required=True)
@store_option
def get(name: str, study_uids: tuple[str, ...], library: str) -> None:
    """Bring studies into LIBRARY, which is made if need be. Stopped with Ctrl-C, the same command goes on where it was."""
    from egma_core.interchange.pacs import fetch_studies
    from egma_core.store.store import Store

    with Store.open(library, create=True) as store, bar("Fetching films") as progress:
        report = fetch_studies(_opened(name), study_uids, store, progress=progress)
    say_import(report)


@pacs.command()
@click.argument("name")
@store_option
@click.option("--count", type=click.IntRange(min=1), help="End after so many films; by default Ctrl-C ends it.")
def listen(name: str, library: str, count: int | None) -> None:
    """Import what the PACS sends by itself into LIBRARY, until Ctrl-C; each film is answered once it is in the library."""
    from egma_core.dicom.pacs.connections import DimseConnection, load_connection
    from egma_core.interchange.pacs import receive_films
    from egma_core.store.store import Store

    connection = load_connection(name)
    if not isinstance(connection, DimseConnection):
        raise ConfigError(f"{name} speaks DICOMweb, which sends nothing by itself.", "Use a DIMSE connection with --listen-port.")
    until = threading.Event()

    def arrived(report: ImportReport) -> None:
        total = report.imported + report.already_there + len(report.refused) + len(report.set_aside)
        click.echo(f"{total} arrived, {report.imported} imported.", err=True)
        if total == count:
            until.set()

    click.echo(f"Listening as {connection.own_title} at port {connection.listen_port}; Ctrl-C ends it.", err=True)
    with Store.open(library, create=True) as store:
        say_import(receive_films(connection, store, until=until, arrived=arrived))


@pacs.command()
@click.argument("name")
@click.argument("files", nargs=-1, required=True, type=FILE)
def send(name: str, files: tuple[Path, ...]) -> None:
    """Send DICOM files to the PACS as they are: results written by `egma export`, films of a library."""
    with bar("Sending") as progress:
        _opened(name).send(files, progress)
    click.echo(f"{len(files)} files sent to {name}.")


def _opened(name: str) -> Pacs:
    """The PACS of a saved connection; the password of its user comes from the environment or the keyboard."""
    from egma_core.dicom.pacs.access import open_pacs
    from egma_core.dicom.pacs.connections import WebConnection, load_connection

    connection = load_connection(name)
    password = ""
    if isinstance(connection, WebConnection) and connection.user:
        password = os.environ.get(PASSWORD_VARIABLE) or click.prompt(f"Password of {connection.user}", hide_input=True, err=True)
    return open_pacs(connection, password)


def _found(opened: Pacs, query: StudyQuery) -> list[RemoteStudy]:
    return sorted(opened.studies(query), key=lambda study: (study.study_date, study.study_uid), reverse=True)


def _day(said: str | None) -> date | None:
    if not said:
        return None
    try:
        return datetime.fromisoformat(said).date()
    except ValueError as error:
        raise ConfigError(f"{said} is no day.", "Write days like 2026-01-31.") from error
