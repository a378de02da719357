"""Saved connections: where each PACS is and how it is spoken to. Passwords are never among them; they are asked for.

One TOML file, a table a connection: a DIMSE one has a host, a DICOMweb one a URL.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import tomli_w
from platformdirs import user_config_dir

from egma_core.errors import ConfigError
from egma_core.files import disk_in_words, replace_file

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_TITLE = re.compile(r"[!-\[\]-~](?:[ -\[\]-~]{0,14}[!-\[\]-~])?")  # VR AE: 1 to 16 printable characters, no backslash, no outer space
_NAME = re.compile(r"[\w.-]{1,40}")


@dataclass(frozen=True)
class DimseConnection:
    """A PACS that speaks DIMSE (PS3.7) over TCP, without encryption: for a hospital's own network.

    Attributes:
        name: What the connection is called here.
        host: Its host name or address.
        port: Its port.
        title: Its AE title.
        own_title: Ours, as the PACS knows it.
        listen_port: Where we receive films; 0 to fetch by C-GET, over the connection that asked for them. Above 0, films
            are fetched by C-MOVE, and the PACS must know our host and this port by our title.
        listen_host: The address of this machine that is listened at.
        sender: The AE title that films come from, where it is another than `title`.
    """

    name: str
    host: str
    port: int
    title: str
    own_title: str = "EGMA"
    listen_port: int = 0
    listen_host: str = "0.0.0.0"
    sender: str = ""

    def __post_init__(self) -> None:
        """Refuse what no PACS could be reached by.

        Raises:
            ConfigError: The name, an AE title or a port is not one.
        """
        _require_name(self.name)
        for title in (self.title, self.own_title, self.sender or self.title):
            if not _TITLE.fullmatch(title):
                raise ConfigError(f"{title!r} is no AE title.", "AE titles have 1 to 16 letters, digits or signs and no backslash.")
        if not self.host.strip():
            raise ConfigError(f"The connection {self.name} names no host.", "Give the PACS's host name or address.")
        if not 1 <= self.port <= 65535 or not 0 <= self.listen_port <= 65535:
            raise ConfigError(f"The connection {self.name} has a port that is none.", "Ports go from 1 to 65535.")

    @property
    def kind(self) -> str:
        """What it speaks, for lists."""
        return "DIMSE, C-MOVE" if self.listen_port else "DIMSE, C-GET"

    @property
    def place(self) -> str:
        """Where it is, for lists."""
        return f"{self.title}@{self.host}:{self.port}"


@dataclass(frozen=True)
class WebConnection:
    """A PACS that speaks DICOMweb (PS3.18).

    Attributes:
        name: What the connection is called here.
        url: The root that `/studies` follows.
        user: Who logs in; "" where nobody has to. The password is asked for.
    """

    name: str
    url: str
    user: str = ""

    def __post_init__(self) -> None:
        """Refuse what no PACS could be reached by.

        Raises:
            ConfigError: The name or the URL is not one, or the URL holds a password.
        """
        _require_name(self.name)
        try:
            parts = urlsplit(self.url)
            sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            parts, sound = urlsplit(""), False
        if not sound:
            raise ConfigError(f"{self.url!r} is no address of a PACS.", "Write it like https://pacs.example.org/dicom-web.")
        if parts.username is not None or parts.password is not None:
            raise ConfigError("The address of a PACS must not hold a user or a password.", "Give the user apart.")

    @property
    def kind(self) -> str:
        """What it speaks, for lists."""
        return "DICOMweb"

    @property
    def place(self) -> str:
        """Where it is, for lists."""
        return f"{self.user}@{self.url}" if self.user else self.url


Connection = DimseConnection | WebConnection


def connections_file() -> Path:
    """The file of saved connections: beside what the environment variable EGMA_SETTINGS names, else in the user's own configuration."""
    settings = os.environ.get("EGMA_SETTINGS")
    folder = Path(settings).parent if settings else Path(user_config_dir("egma", appauthor=False))
    return folder / "pacs.toml"


def load_connections(path: Path | None = None) -> dict[str, Connection]:
    """All saved connections by their names, in the order they were saved.

    Args:
        path: The file; by default the user's own. One that is not there holds none.

    Raises:
        ConfigError: The file cannot be read, or an entry of it is no connection.
    """
    path = path or connections_file()
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"The saved connections in {path} cannot be read.", "Mend the file, or delete it and add them again.") from error
    return {name: _connection(name, table, path) for name, table in tables.items()}


def load_connection(name: str, path: Path | None = None) -> Connection:
    """One saved connection.

    Raises:
        ConfigError: There is none of that name, or the file cannot be read.
    """
    saved = load_connections(path)
    if name not in saved:
        known = f"Saved are: {', '.join(saved)}." if saved else "Save one with: egma pacs add"
        raise ConfigError(f"There is no connection called {name}.", known)
    return saved[name]


def save_connection(connection: Connection, path: Path | None = None) -> None:
    """Save a connection, in the place of one of the same name.

    Raises:
        ConfigError: The file cannot be read or written.
    """
    path = path or connections_file()
    _write({**load_connections(path), connection.name: connection}, path)


def forget_connection(name: str, path: Path | None = None) -> None:
    """Delete a saved connection.

    Raises:
        ConfigError: There is none of that name, or the file cannot be read or written.
    """
    path = path or connections_file()
    load_connection(name, path)
    _write({kept: connection for kept, connection in load_connections(path).items() if kept != name}, path)


def _connection(name: str, table: Any, path: Path) -> Connection:
    wrong = ConfigError(f"The entry {name} of {path} is no connection.", "Mend it, or delete it and add the connection again.")
    if not isinstance(table, Mapping):
        raise wrong
    entries = cast("Mapping[str, Any]", table)
    kind = WebConnection if "url" in entries else DimseConnection
    known = {field.name: {"int": int, "str": str}[str(field.type)] for field in fields(kind)}
    if any(key not in known or key == "name" or type(value) is not known[key] for key, value in entries.items()):
        raise wrong
    try:
        return kind(name=name, **entries)
    except TypeError as error:  # something is missing
        raise wrong from error


def _require_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} cannot be the name of a connection.", "Use up to 40 letters, digits, dots and dashes.")


def _write(connections: Mapping[str, Connection], path: Path) -> None:
    tables = {name: {key: value for key, value in asdict(c).items() if key != "name"} for name, c in connections.items()}
    with disk_in_words(ConfigError, f"The saved connections cannot be written to {path}"):
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
        unfinished.write_text(tomli_w.dumps(tables), encoding="utf-8", newline="\n")
        replace_file(unfinished, path)
