"""Connections are kept in words that a person can mend, and never with a password."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egma_core.dicom.pacs.connections import (
    DimseConnection,
    WebConnection,
    connections_file,
    forget_connection,
    load_connection,
    load_connections,
    save_connection,
)
from egma_core.dicom.pacs.values import StudyQuery
from egma_core.errors import ConfigError

DIMSE = DimseConnection("archive", "pacs.example.org", 104, "ARCHIVE", listen_port=11112)
WEB = WebConnection("web", "https://pacs.example.org/dicom-web", "jo")


def test_connections_are_saved_replaced_and_deleted(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "pacs.toml"
    assert load_connections(path) == {}
    save_connection(DIMSE, path)
    save_connection(WEB, path)
    assert load_connections(path) == {"archive": DIMSE, "web": WEB}
    other = DimseConnection("archive", "10.0.0.1", 11112, "OTHER")
    save_connection(other, path)
    assert load_connection("archive", path) == other
    forget_connection("web", path)
    assert load_connections(path) == {"archive": other}
    with pytest.raises(ConfigError, match="no connection called web"):
        load_connection("web", path)
    assert [file.name for file in path.parent.iterdir()] == ["pacs.toml"]


def test_the_file_lies_beside_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EGMA_SETTINGS", str(tmp_path / "settings.ini"))
    assert connections_file() == tmp_path / "pacs.toml"
    save_connection(WEB)
    assert load_connection("web") == WEB


@pytest.mark.parametrize(
    "text",
    [
        "archive = 3",
        "[archive]\nhost = 'h'",
        "[archive]\nhost = 'h'\nport = '104'\ntitle = 'A'",
        "[archive]\nhost = 'h'\nport = true\ntitle = 'A'",
        "[archive]\nurl = 'http://h'\npassword = 'x'",
        "[archive]\nname = 'other'\nurl = 'http://h'",
        "[archive",
        "[archive]\nurl = 'ftp://h'",
    ],
)
def test_a_file_that_holds_something_else_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "pacs.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError):
        load_connections(tmp_path / "pacs.toml")


@pytest.mark.parametrize(
    "make",
    [
        lambda: DimseConnection("a b/c", "h", 104, "A"),
        lambda: DimseConnection("a", " ", 104, "A"),
        lambda: DimseConnection("a", "h", 0, "A"),
        lambda: DimseConnection("a", "h", 104, "A", listen_port=70000),
        lambda: DimseConnection("a", "h", 104, "SEVENTEEN_LETTERS"),
        lambda: DimseConnection("a", "h", 104, "A\\B"),
        lambda: DimseConnection("a", "h", 104, "A", own_title=" "),
        lambda: WebConnection("a", "pacs.example.org"),
        lambda: WebConnection("a", "http://jo:secret@pacs.example.org"),
        lambda: WebConnection("a", "http://h:99999"),
        lambda: StudyQuery(patient_id="A\\B"),
        lambda: StudyQuery(limit=0),
    ],
)
def test_what_cannot_work_is_refused(make) -> None:
    with pytest.raises(ConfigError):
        make()


@given(
    st.integers(1, 65535),
    st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="\\"), min_size=1, max_size=16),
    st.integers(0, 65535),
)
def test_any_sound_connection_survives_its_file(tmp_path_factory, port: int, title: str, listen: int) -> None:
    path = tmp_path_factory.mktemp("saved") / "pacs.toml"
    connection = DimseConnection("a", "h", port, title, listen_port=listen)
    save_connection(connection, path)
    assert load_connections(path) == {"a": connection}
