"""`egma render`: every film of the test data as it should look, or refused in one line and without a picture."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from egma_app.cli.main import main
from egma_core.dicom.image import Window
from egma_core.dicom.writer import FilmTags, write_film

REFUSED = {
    "MR_truncated.dcm",
    "badVR.dcm",
    "no_meta.dcm",
    "liver_nonbyte_aligned.dcm",
    "test-SR.dcm",
    "meta_missing_tsyntax.dcm",
    "d10_truncated.dcm",
    "d17_empty.dcm",
    "d18_preamble_only.dcm",
    "d19_png_named_dcm.dcm",
}
COLOURED = {"OBXXXX1A_rle.dcm", "HTJ2KLossless_08_RGB.dcm"}


def render(film: Path, out: Path, *more: str) -> Result:
    return CliRunner().invoke(main, ["render", str(film), str(out), *more])


@pytest.fixture
def film(tmp_path: Path) -> Path:
    path = tmp_path / "film.dcm"
    pixels = np.arange(12 * 20, dtype=np.uint16).reshape(12, 20) * 17
    tags = FilmTags("P", "1.2.3", "1.2.3.1", "1.2.3.1.1", bits_stored=12, window=Window(2000.0, 4000.0), pixel_spacing_mm=(0.4, 0.2))
    write_film(path, pixels, tags)
    return path


def picture(path: Path) -> np.ndarray:
    with Image.open(path) as opened:
        assert opened.format == "PNG" and opened.mode in ("L", "RGB")
        return np.asarray(opened)


@pytest.mark.needs_data
@pytest.mark.parametrize("kind", ["real", "derived"])
def test_every_film_looks_as_it_should_or_is_refused(shared_data: Path, tmp_path: Path, kind: str) -> None:
    folder = shared_data / "dicom" / kind
    for row in csv.DictReader(io.StringIO((folder / "manifest.csv").read_text(encoding="utf-8"))):
        out = tmp_path / f"{row['file']}.png"
        done = render(folder / row["file"], out)
        if row["file"] in REFUSED:
            assert done.exit_code == 2, row["file"]
            assert not out.exists() and done.stderr.count("\n") == 1 and done.stderr.startswith("egma: ") and not done.stdout
            continue
        assert done.exit_code == 0, (row["file"], done.output)
        shown = picture(out)
        colour = (3,) if row["file"] in COLOURED else ()
        assert shown.shape == (int(row["Rows"]), int(row["Columns"]), *colour) and shown.dtype == np.uint8
        if row.get("truth") and kind == "derived":
            assert np.abs(shown.astype(int) - picture(folder / row["truth"])).max() <= 2, row["file"]


@pytest.mark.needs_data
def test_a_frame_is_chosen_and_said(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "dicom" / "derived" / "d16_two_frames.dcm"
    first, second = render(path, tmp_path / "1.png"), render(path, tmp_path / "2.png", "--frame", "2")
    assert "frame 1 of 2" in first.stdout and "frame 2 of 2" in second.stdout
    assert not np.array_equal(picture(tmp_path / "1.png"), picture(tmp_path / "2.png"))
    for frame, words in (("3", "has no frame 3; it holds 2 frames"), ("0", "no frame 0")):
        refused = render(path, tmp_path / "3.png", "--frame", frame)
        assert refused.exit_code == 2 and words in refused.stderr and not (tmp_path / "3.png").exists()


def test_a_window_may_be_given_and_pixels_are_not_stretched(film: Path, tmp_path: Path) -> None:
    own, given = tmp_path / "own.png", tmp_path / "given.png"
    assert render(film, own).exit_code == 0 and render(film, given, "--window", "-100", "801").exit_code == 0
    stored = np.arange(12 * 20).reshape(12, 20) * 17.0
    assert np.abs(picture(own) - np.clip((stored - 1999.5) / 3999 + 0.5, 0, 1) * 255).max() <= 0.5001
    assert np.abs(picture(given) - np.clip((stored + 100.5) / 800 + 0.5, 0, 1) * 255).max() <= 0.5001


@pytest.mark.parametrize("width", ["0", "-5", "nan", "inf"])
def test_a_window_that_shows_nothing_is_refused(film: Path, tmp_path: Path, width: str) -> None:
    done = render(film, tmp_path / "out.png", "--window", "100", width)
    assert done.exit_code == 2 and "Give a width above 0" in done.stderr and not (tmp_path / "out.png").exists()


@pytest.mark.needs_data
def test_a_colour_film_has_no_window(shared_data: Path, tmp_path: Path) -> None:
    done = render(shared_data / "dicom" / "real" / "OBXXXX1A_rle.dcm", tmp_path / "out.png", "--window", "100", "50")
    assert done.exit_code == 2 and "colour" in done.stderr


def test_a_folder_that_is_not_there_is_told(film: Path, tmp_path: Path) -> None:
    done = render(film, tmp_path / "no" / "out.png")
    assert done.exit_code == 2 and done.stderr.count("\n") == 1


@pytest.mark.needs_data
def test_what_was_odd_is_said_beside_the_picture(shared_data: Path, tmp_path: Path) -> None:
    done = render(shared_data / "dicom" / "derived" / "d12_missing_tags.dcm", tmp_path / "out.png")
    assert done.exit_code == 0 and "Note: The film has no instance UID." in done.stderr
