"""Pictures with a CSV become DICOM films of pseudonymous patients."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from egma_core.dicom.reader import read_image
from egma_core.errors import DamagedImageError, InterchangeError, UnsupportedImageError
from egma_core.interchange.images import import_images, picture_pixels
from egma_core.store.store import Store
from egma_core.store.values import ReportSentence

RANDOM = np.random.default_rng(11)
GREY = RANDOM.integers(0, 256, (7, 9)).astype(np.uint8)
DEEP = RANDOM.integers(0, 65536, (7, 9)).astype(np.uint16)


def encoded(pixels: np.ndarray, kind: str = "PNG", mode: str | None = None) -> bytes:
    buffer = io.BytesIO()
    picture = Image.fromarray(pixels)
    (picture.convert(mode) if mode else picture).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def library(tmp_path: Path):
    with Store.open(tmp_path / "library.sqlite", create=True) as store:
        yield store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "pictures"
    (root / "deep").mkdir(parents=True)
    (root / "Schmidt_1.png").write_bytes(encoded(GREY))
    (root / "Schmidt_2.png").write_bytes(encoded(255 - GREY))
    (root / "deep" / "Weber.png").write_bytes(encoded(DEEP))
    (root / "labels.csv").write_text(
        "image,patient_id,labels,sentences,split\n"
        "Schmidt_1.png,Schmidt,Mass,There is a mass.,train\n"
        "Schmidt_2,Schmidt,,,train\n"
        "deep/Weber.png,Weber,No Finding,Normal. Really.,test\n",
        encoding="utf-8",
    )
    return root


def test_pictures_become_studies_of_pseudonymous_patients(library: Store, folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = import_images(folder, library, labels=folder / "labels.csv", progress=lambda done, total: seen.append((done, total)))
    assert (report.imported, report.already_there, report.refused, report.rows_without_film) == (3, 0, (), ())
    assert seen == [(1, 3), (2, 3), (3, 3)]
    one, two, deep = library.studies()
    assert one.patient == two.patient != deep.patient and one.study_uid != two.study_uid
    assert (one.labels, one.split, deep.labels, deep.split) == (("Mass",), "train", ("No Finding",), "test")
    assert library.report(deep.id) == (ReportSentence("Normal", "label"), ReportSentence("Really.", "label"))
    assert np.array_equal(read_image(one.instances[0].path).pixels[0], GREY)
    assert np.array_equal(read_image(deep.instances[0].path).pixels[0], DEEP)
    assert {film.origin for study in (one, two, deep) for film in study.instances} == {"image"}


def test_neither_names_nor_numbers_of_patients_are_kept(library: Store, folder: Path) -> None:
    import_images(folder, library, labels=folder / "labels.csv")
    location = Path(library.location)
    library.close()
    for path in [*location.parent.glob("library.sqlite*"), *(location.parent / "library.files").rglob("*.dcm")]:
        content = path.read_bytes() + path.name.encode()
        assert b"Schmidt" not in content and b"Weber" not in content


def test_importing_again_changes_nothing(library: Store, folder: Path) -> None:
    import_images(folder, library, labels=folder / "labels.csv")
    before = library.studies()
    (folder / "Schmidt_1.png").rename(folder / "deep" / "Schmidt_1.png")
    report = import_images(folder, library, labels=folder / "labels.csv")
    assert (report.imported, report.already_there) == (0, 3)
    assert library.studies() == before


def test_the_same_picture_of_two_patients_is_two_films(library: Store, tmp_path: Path) -> None:
    root = tmp_path / "twins"
    root.mkdir()
    for name in ("a.png", "b.png"):
        (root / name).write_bytes(encoded(GREY))
    (root / "l.csv").write_text("image,patient_id\na,1\nb,2\n", encoding="utf-8")
    assert import_images(root, library, labels=root / "l.csv").imported == 2


def test_pictures_without_row_or_patient_and_rows_without_picture_are_reported(library: Store, folder: Path) -> None:
    (folder / "labels.csv").write_text("image,patient_id\nSchmidt_1.png,Schmidt\nSchmidt_2.png,\ngone.png,X\n", encoding="utf-8")
    (folder / "broken.png").write_bytes(encoded(GREY)[:60])
    (folder / "labels.csv").write_text((folder / "labels.csv").read_text("utf-8") + "broken,Y\n", encoding="utf-8")
    report = import_images(folder, library, labels=folder / "labels.csv")
    assert report.imported == 1 and report.rows_without_film == ("gone.png",)
    reasons = {refusal.file: refusal.reason for refusal in report.refused}
    assert "no row" in reasons["deep/Weber.png"]
    assert "which patient" in reasons["Schmidt_2.png"]
    assert "damaged" in reasons["broken.png"]


def test_columns_may_be_renamed_and_must_be_there(library: Store, folder: Path) -> None:
    (folder / "labels.csv").write_text("Image Index,Patient ID\nSchmidt_1.png,1\n", encoding="utf-8")
    with pytest.raises(InterchangeError, match="it has Image Index, Patient ID"):
        import_images(folder, library, labels=folder / "labels.csv")
    columns = {"image": "Image Index", "patient_id": "Patient ID"}
    assert import_images(folder, library, labels=folder / "labels.csv", columns=columns).imported == 1


def test_a_folder_without_pictures_is_told(library: Store, folder: Path) -> None:
    for path in folder.rglob("*.png"):
        path.unlink()
    with pytest.raises(InterchangeError, match="no PNG or JPEG"):
        import_images(folder, library, labels=folder / "labels.csv")


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "CMYK"])
def test_grey_in_the_clothes_of_colour_comes_back_grey(mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    found = picture_pixels("x", encoded(GREY, kind, mode))
    assert found.dtype == np.uint8 and found.shape == GREY.shape
    assert np.abs(found.astype(int) - GREY).max() <= (60 if kind == "JPEG" else 0)


def test_sixteen_bits_stay_sixteen_bits() -> None:
    found = picture_pixels("x", encoded(DEEP))
    assert found.dtype == np.uint16 and np.array_equal(found, DEEP)


def test_a_black_and_white_picture_is_black_and_white() -> None:
    assert set(picture_pixels("x", encoded(GREY, mode="1")).ravel().tolist()) == {0, 255}


def test_what_is_transparent_becomes_black() -> None:
    layers = np.dstack([GREY, GREY, GREY, np.where(np.arange(9) < 4, 0, 255)[None].repeat(7, 0)]).astype(np.uint8)
    found = picture_pixels("x", encoded(layers))
    assert not found[:, :4].any() and np.array_equal(found[:, 4:], GREY[:, 4:])


@pytest.mark.parametrize("content", [b"", b"GIF89a", encoded(DEEP)[:-30], encoded(GREY, "JPEG")[:100], b"\x89PNG\r\n\x1a\n" + b"\0" * 50])
def test_damage_is_told(content: bytes) -> None:
    with pytest.raises(DamagedImageError, match=r"^x\.png is damaged"):
        picture_pixels("x.png", content)


def test_a_picture_far_larger_than_any_film_is_refused() -> None:
    huge = Image.new("1", (20000, 20000))
    buffer = io.BytesIO()
    huge.save(buffer, "PNG")
    with pytest.raises(UnsupportedImageError, match="far larger"):
        picture_pixels("x.png", buffer.getvalue())


@pytest.mark.needs_data
def test_the_nih_films_come_in_with_their_labels(library: Store, shared_data: Path, tmp_path: Path) -> None:
    source, few = shared_data / "cxr" / "nih", tmp_path / "few"
    few.mkdir()
    for path in sorted((source / "images").iterdir())[:6]:
        (few / path.name).write_bytes(path.read_bytes())
    columns = {"labels": "finding_labels", "sentences": "label_derived_sentences_NOT_A_REAL_REPORT"}
    report = import_images(few, library, labels=source / "labels.csv", columns=columns)
    assert (report.imported, report.refused, len(report.rows_without_film)) == (6, (), 55)
    studies = library.studies()
    assert studies[1].labels == ("Atelectasis", "Effusion", "Infiltration")
    assert [s.text for s in library.report(studies[1].id)] == [
        "There is atelectasis", "There is a pleural effusion", "There is a pulmonary infiltrate."
    ]  # fmt: skip
    assert {read_image(study.instances[0].path).pixels.shape for study in studies} == {(1, 1024, 1024)}
