from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from egma_core.errors import InterchangeError
from egma_core.gaze.fixations import detect_fixations
from egma_core.geometry import Screen
from egma_core.interchange.gaze_csv import read_gaze_csv, write_fixations_csv

SCREEN = Screen(1024, 768, 380.0, 300.0, 670.0)
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a table of 200 samples at 500 Hz that rest at 300, then at 700 px; `cells` replaces cells by (row, column name)."""

    def make(
        cells: dict[tuple[int, str], Any] | None = None, header: str = "t_ms,x_px,y_px", scale: float = 1.0, encoding: str = "utf-8"
    ) -> Path:
        names = header.split(",")
        rows = [{"t_ms": 2 * k * scale, "x_px": 300 if k < 100 else 700, "y_px": 400} for k in range(200)]
        for (row, name), cell in (cells or {}).items():
            rows[row][name] = cell
        lines = [header, *(",".join(str(row.get(name, 7)) for name in names) for row in rows)]
        path = tmp_path / "gaze.csv"
        path.write_text("\n".join(lines) + "\n", encoding=encoding)
        return path

    return make


def test_a_recording_becomes_a_table_of_fixations(write: Write, tmp_path: Path) -> None:
    read = read_gaze_csv(write(), SCREEN)
    assert read.rate_hz == pytest.approx(500.0) and len(read.gaze) == 200
    write_fixations_csv(tmp_path / "out.csv", detect_fixations(read.gaze))
    lines = (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "onset_ms,offset_ms,x_px,y_px" and lines[1].endswith(",300.000,400.000") and len(lines) == 3
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize("cell", ["", "nan", "NaN", "NA", "n/a", ".", "-", "inf", "-32768", "100000000.0"])
def test_what_says_nothing_is_lost(write: Write, cell: str) -> None:
    read = read_gaze_csv(write({(5, "x_px"): cell}), SCREEN)
    assert np.flatnonzero(~read.gaze.valid).tolist() == [5] and np.isnan(read.gaze.screen_y_px[5])


def test_zero_is_lost_unless_told_otherwise(write: Write) -> None:
    path = write({(5, "x_px"): 0, (5, "y_px"): 0, (6, "x_px"): 0})
    read = read_gaze_csv(path, SCREEN)
    assert (np.flatnonzero(~read.gaze.valid).tolist(), read.n_zero) == ([5], 1)
    assert read_gaze_csv(path, SCREEN, zero_is_lost=False).gaze.valid.all()


def test_other_names_units_delimiters_and_marks_are_no_trouble(write: Write) -> None:
    path = write(header="t_ms,x_px,note,y_px,distance_mm", scale=1000.0, encoding="utf-8-sig")
    text = path.read_text(encoding="utf-8-sig").replace(",", ";").replace("t_ms", "Recording timestamp")
    path.write_text(f"\ufeff{text}\n\n", encoding="utf-8")
    read = read_gaze_csv(path, SCREEN, columns={"t_ms": "Recording timestamp"}, time_unit="us")
    assert read.rate_hz == pytest.approx(500.0) and (read.gaze.distance_mm == 7.0).all()


def test_each_sample_keeps_its_own_distance_where_the_table_says_one(write: Write) -> None:
    read = read_gaze_csv(
        write({(3, "distance_mm"): 600, (4, "distance_mm"): "", (5, "distance_mm"): 0}, header="t_ms,x_px,y_px,distance_mm"), SCREEN
    )
    assert read.gaze.distance_mm[2:7].tolist() == [7.0, 600.0, 670.0, 670.0, 7.0]


def test_repeated_times_are_counted_and_passed_over(write: Write) -> None:
    read = read_gaze_csv(write({(7, "t_ms"): 12}), SCREEN)
    assert read.n_repeated == 1 and len(detect_fixations(read.gaze)) == 2


@pytest.mark.parametrize(
    ("cells", "header", "scale", "words"),
    [
        ({}, "time,x_px,y_px", 1.0, r"no column t_ms; it has: time, x_px, y_px.* --columns"),
        ({(9, "t_ms"): 3}, "t_ms,x_px,y_px", 1.0, r"runs back after sample 9 .* by 13 ms"),
        ({(9, "t_ms"): ""}, "t_ms,x_px,y_px", 1.0, r"Line 11 .* has no time"),
        ({(9, "t_ms"): "inf"}, "t_ms,x_px,y_px", 1.0, r"Line 11 .* has the time inf"),
        ({(9, "x_px"): "left"}, "t_ms,x_px,y_px", 1.0, r"Line 11 .*'left' where a number should be \(x_px\)"),
        ({}, "t_ms,x_px,y_px", 0.001, r"5e\+05 samples a second.* if time were in s: see --time-unit"),
        ({}, "t_ms,x_px,y_px", 1000.0, r"if time were in us"),
        (
            {(k, "x_px"): k / 200 for k in range(200)} | {(k, "y_px"): 0.5 for k in range(200)},
            "t_ms,x_px,y_px",
            1.0,
            "fractions of the screen",
        ),
        ({(k, "x_px"): -300 for k in range(150)}, "t_ms,x_px,y_px", 1.0, r"75% of the gaze .* outside a screen of 1024 x 768"),
    ],
)
def test_a_table_that_cannot_be_right_is_refused_in_words(write: Write, cells: Any, header: str, scale: float, words: str) -> None:
    with pytest.raises(InterchangeError, match=words):
        read_gaze_csv(write(cells, header, scale), SCREEN)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "empty"), (b"t_ms,x_px,y_px\n", "0 samples"), (b"t_ms,x_px,y_px\n0,1,2\n2,3,4\n", "2 samples"), (b"\xff\xfe\x00", "UTF-8")],
)
def test_a_file_that_is_no_table_is_refused_in_words(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "gaze.csv").write_bytes(content)
    with pytest.raises(InterchangeError, match=words):
        read_gaze_csv(tmp_path / "gaze.csv", SCREEN)


def test_an_absent_file_an_unknown_name_and_a_folder_that_is_not_there(write: Write, tmp_path: Path) -> None:
    with pytest.raises(InterchangeError, match="cannot be read"):
        read_gaze_csv(tmp_path / "absent.csv", SCREEN)
    with pytest.raises(InterchangeError, match="no column pupil"):
        read_gaze_csv(write(), SCREEN, columns={"pupil": "p"})
    with pytest.raises(InterchangeError, match="cannot be written"):
        write_fixations_csv(tmp_path / "nowhere" / "out.csv", detect_fixations(read_gaze_csv(write(), SCREEN).gaze))


def test_a_recording_in_which_all_is_lost_has_no_fixations(write: Write) -> None:
    read = read_gaze_csv(write({(k, "x_px"): "" for k in range(200)}), SCREEN)
    assert not read.gaze.valid.any() and len(detect_fixations(read.gaze)) == 0
