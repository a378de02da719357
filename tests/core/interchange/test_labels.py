"""Tables of labels, by our column names and theirs, and what goes wrong with them."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from egma_core.errors import FilmRefusedError, InterchangeError
from egma_core.interchange.labels import LabelMatcher, LabelRow, read_label_table


@pytest.fixture
def table(tmp_path: Path):
    def write(text: str, encoding: str = "utf-8") -> Path:
        path = tmp_path / "labels.csv"
        path.write_bytes(text.encode(encoding))
        return path

    return write


def test_a_row_says_patient_labels_sentences_and_split(table) -> None:
    text = "image,patient_id,labels,sentences,split\n1.png,75,Effusion| Mass |Effusion,An effusion. A mass.,val\n2.png,76,,,\n"
    assert read_label_table(table(text)) == {
        "1.png": LabelRow("75", ("Effusion", "Mass"), ("An effusion", "A mass."), "validation"),
        "2.png": LabelRow("76", (), (), ""),
    }


def test_their_columns_may_have_other_names_and_more_of_them(table) -> None:
    text = "sex,finding,file name\nF,Mass,a/b.png\n"
    rows = read_label_table(table(text), {"image": "file name", "labels": "finding"})
    assert rows == {"a/b.png": LabelRow("", ("Mass",), (), "")}


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("image;labels\r\n1.png;Müller-Zeichen\r\n", "utf-8"),
        ("image\tlabels\n1.png\tMüller-Zeichen\n", "utf-8"),
        ("image,labels\n1.png,Müller-Zeichen", "utf-8-sig"),
        ('image,labels\n"1.png","Müller-Zeichen"\n\n', "utf-8"),
    ],
    ids=["semicolons", "tabs", "byte order mark", "quotes and an empty line"],
)
def test_dialects_of_csv(table, text: str, encoding: str) -> None:
    assert read_label_table(table(text, encoding))["1.png"].labels == ("Müller-Zeichen",)


def test_a_quoted_report_may_have_several_lines(table) -> None:
    rows = read_label_table(table('image,sentences\n1.png,"The heart is large.\nNo effusion."\n2.png,Normal.\n'))
    assert rows["1.png"].sentences == ("The heart is large", "No effusion.")
    assert rows["2.png"].sentences == ("Normal.",)


@pytest.mark.parametrize(
    ("text", "columns", "words"),
    [
        ("name,finding_labels\n1.png,Mass\n", {}, ["no column image", "it has name, finding_labels", "--columns labels=finding_labels"]),
        ("image,x\n1.png,y\n", {"labels": "finding"}, ["no column finding", "it has image, x"]),
        ("image\n1.png\n", {"label": "x"}, ["There is no column label to rename", "image, patient_id, labels"]),
        ("", {}, ["it has none"]),
        ("image,labels\n1.png,A\n./1.png,B\n", {}, ["Lines 2 and 3", "same image"]),
        ("image,labels\n,A\n", {}, ["Line 2 of labels.csv names no image"]),
        ("image,split\n1.png,holdout\n", {}, ["line 2", "train, validation and test"]),
        ('image,labels\n"1.png"x,A\n', {}, ["Line 2 of labels.csv is not CSV"]),
    ],
)
def test_tables_that_cannot_be_used_are_told_in_words(table, text: str, columns: dict[str, str], words: list[str]) -> None:
    with pytest.raises(InterchangeError) as refusal:
        read_label_table(table(text), columns)
    for word in words:
        assert word in str(refusal.value)


def test_needed_columns_are_asked_for_together(table) -> None:
    with pytest.raises(InterchangeError, match="no column image and no column patient_id; it has a, b"):
        read_label_table(table("a,b\n"), needed=("image", "patient_id"))


def test_a_table_in_another_encoding_or_place_is_told(table, tmp_path: Path) -> None:
    with pytest.raises(InterchangeError, match="not in UTF-8"):
        read_label_table(table("image\nMüller.png\n", "latin-1"))
    with pytest.raises(InterchangeError, match="no labels file"):
        read_label_table(tmp_path / "gone.csv")


def matcher(rows: list[str], films: list[str]) -> LabelMatcher:
    return LabelMatcher({row: LabelRow(row, (), (), "") for row in rows}, [PurePosixPath(film) for film in films])


@pytest.mark.parametrize(
    ("row", "film"),
    [
        ("a/b.png", "a/b.png"),
        ("a/b", "a/b.png"),
        ("b.png", "a/b.png"),
        ("b", "a/b.png"),
        ("b", "b"),
        ("1.2.840.1", "x/1.2.840.1.dcm"),
    ],
)
def test_rows_are_found_by_path_name_or_stem(row: str, film: str) -> None:
    found = matcher([row, "other"], [film, "z/y.png"])
    assert found.match(PurePosixPath("z/y.png")) is None
    match = found.match(PurePosixPath(film))
    assert match is not None and match.patient_id == row
    assert found.unused == ("other",)


@pytest.mark.parametrize(
    ("rows", "films"),
    [(["b.png"], ["a/b.png", "c/b.png"]), (["b"], ["a/b.png", "c/b.jpg"]), (["b"], ["b.png", "b.jpg"]), (["a/b"], ["a/b.png", "a/b.jpg"])],
)
def test_a_name_that_fits_several_files_is_refused(rows: list[str], films: list[str]) -> None:
    found = matcher(rows, films)
    with pytest.raises(FilmRefusedError, match="fits 2 files"):
        found.match(PurePosixPath(films[0]))


def test_a_path_is_no_doubt_where_a_name_would_be() -> None:
    found = matcher(["a/b.png", "c/b.png"], ["a/b.png", "c/b.png"])
    assert [found.match(PurePosixPath(film)).patient_id for film in ("a/b.png", "c/b.png")] == ["a/b.png", "c/b.png"]
    assert found.unused == ()
