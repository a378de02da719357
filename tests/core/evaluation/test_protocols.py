"""Protocols on data sets made in the public ones' exact form, with phantom pictures."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from egma_core.dicom.reader import read_image
from egma_core.dicom.writer import FilmTags, write_film
from egma_core.errors import ConfigError, InterchangeError
from egma_core.evaluation.protocol_report import evaluate_protocol
from egma_core.evaluation.protocols import load_protocol, protocol_films, protocol_names
from egma_core.evaluation.tables import FilmFinder, read_table
from egma_core.inference.bank import ClassScore
from egma_core.inference.predictor import Predictor
from egma_core.inference.prompts import builtin
from egma_core.model.checkpoint import save_model
from egma_core.model.config import ModelConfig, TextConfig, VisionConfig
from egma_core.model.egma import Egma
from egma_core.model.tokens import WordTokenizer
from egma_core.synthetic.films import Phantom
from egma_core.synthetic.phantoms import phantom_set

FINDINGS = (
    "No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion", "Edema", "Consolidation",
    "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion", "Pleural Other", "Fracture", "Support Devices",
)  # fmt: skip
CHEXPERT = ("Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", *FINDINGS)


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def jpeg(path: Path, phantom: Phantom) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((phantom.pixels() >> 4).astype(np.uint8)).resize((96, 80)).save(path, "JPEG")


def dicom(path: Path, phantom: Phantom) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_film(path, phantom.pixels()[::8, ::8], FilmTags("P", "1.2", "1.2.1", f"1.2.1.{phantom.seed}", bits_stored=12))


def checkpoint(folder: Path, prompts: str) -> Path:
    torch.manual_seed(0)
    text = TextConfig(width=16, layers=1)
    sentences = [s for own in builtin(prompts).prompts.values() for s in own]
    save_model(folder, Egma(ModelConfig(VisionConfig(size_px=32, width=16), text, embed_dim=8), WordTokenizer.build(sentences, text)), {})
    return folder


def chexpert_row(i: int, view: str = "Frontal", **stated: str) -> list[str]:
    path = f"CheXpert-v1.0-small/train/patient{i // 2:05d}/study1/view{i % 2 + 1}_{view.lower()}.jpg"
    return [path, "Female", "60", view, "PA" if view == "Frontal" else "", *(stated.get(name.replace(" ", "_"), "") for name in FINDINGS)]


def chexpert(folder: Path, n: int = 12) -> Path:
    classes = ("Atelectasis", "Cardiomegaly", "Consolidation", "Edema", "Pleural_Effusion")
    rows = [chexpert_row(i, **{classes[i % 5]: "1.0", "Pneumonia": "0.0"}) for i in range(n)]
    left_out = [
        chexpert_row(n, Edema="1.0", Pneumonia="-1.0"),
        chexpert_row(n + 1, Edema="1.0", Atelectasis="1.0"),
        chexpert_row(n + 2, "Lateral", Edema="1.0"),
        chexpert_row(n + 3, Edema="1.0", Support_Devices="1.0"),
        chexpert_row(n + 4, Edema="-1.0"),
        chexpert_row(n + 5),
    ]
    for row, phantom in zip(rows, phantom_set(n, 1), strict=True):
        jpeg(folder / row[0], phantom)
    return write_csv(folder / "train.csv", CHEXPERT, [*left_out, *rows])


def test_every_protocol_of_the_program_can_be_read() -> None:
    assert protocol_names() == ("chexpert_5x200", "chexpert_8x200", "rsna", "siim_acr")
    for name in protocol_names():
        protocol = load_protocol(name)
        assert protocol.published and protocol.caution and set(protocol.classes) == set(protocol.prompts.prompts)
    (ours,) = [row for row in load_protocol("chexpert_5x200").published if row.model == "EGMA"]
    assert ours.figures == {"zero_shot": {"accuracy": 61.30, "macro_f1": 60.38}}
    (rsna,) = [row for row in load_protocol("rsna").published if row.model == "EGMA"]
    p = rsna.figures["zero_shot"]["accuracy"] / 100
    assert rsna.figures["zero_shot"]["macro_f1"] == pytest.approx(100 * p / (1 + p), abs=0.005), "the caution's arithmetic"


def test_chexpert_rows_with_one_finding_alone(tmp_path: Path) -> None:
    chosen = protocol_films(load_protocol("chexpert_5x200"), chexpert(tmp_path), tmp_path)
    assert (chosen.n_rows, chosen.n_selected, len(chosen.films)) == (18, 12, 12)
    assert [film.labels[0] for film in chosen.films].count("Atelectasis") == 3
    assert chosen.films[0].path.is_file() and chosen.films[0].patient == "patient00000"
    assert len({film.patient for film in chosen.films}) == 6


def test_at_most_so_many_of_a_class_by_a_draw_that_stays(tmp_path: Path) -> None:
    rows = [chexpert_row(i, Edema="1.0") for i in range(450)]
    table = write_csv(tmp_path / "train.csv", CHEXPERT, rows)
    jpeg(tmp_path / "x.jpg", phantom_set(1, 1)[0])
    for row in rows:
        path = tmp_path.joinpath(*Path(row[0]).parts[1:])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    protocol = load_protocol("chexpert_5x200")
    drawn = protocol_films(protocol, table, tmp_path)
    assert drawn.n_selected == len(drawn.films) == 200
    shuffled = write_csv(tmp_path / "again.csv", CHEXPERT, rows[::-1])
    assert {f.path for f in protocol_films(protocol, shuffled, tmp_path).films} == {f.path for f in drawn.films}


@pytest.mark.parametrize("class_score", ["ensemble", "max"])
def test_five_by_two_hundred_end_to_end(tmp_path: Path, class_score: ClassScore) -> None:
    predictor = Predictor(checkpoint(tmp_path / "model", "chexpert_5x200"), class_score=class_score)
    report = evaluate_protocol(predictor, load_protocol("chexpert_5x200"), chexpert(tmp_path), tmp_path)
    assert report.n_by_class == {"Atelectasis": 3, "Cardiomegaly": 3, "Consolidation": 2, "Edema": 2, "Pleural Effusion": 2}
    assert report.zero_shot is not None and report.zero_shot.n == 12
    assert {(c.figure, c.published["EGMA"]) for c in report.comparisons} == {("accuracy", 61.30), ("macro_f1", 60.38)}
    assert report.comparisons[0].ours == pytest.approx(100 * report.zero_shot.accuracy)
    json.dumps(report.to_json(), allow_nan=False)


def test_eight_by_two_hundred_retrieves(tmp_path: Path) -> None:
    names = [name.replace(" ", "_") for name in load_protocol("chexpert_8x200").classes]
    rows = [chexpert_row(i, **{names[i % 8]: "1.0"}) for i in range(16)]
    for row, phantom in zip(rows, phantom_set(16, 5), strict=True):
        jpeg(tmp_path / row[0], phantom)
    predictor = Predictor(checkpoint(tmp_path / "model", "chexpert_8x200"))
    report = evaluate_protocol(predictor, load_protocol("chexpert_8x200"), write_csv(tmp_path / "t.csv", CHEXPERT, rows), tmp_path)
    assert report.retrieval is not None and (report.retrieval.n_images, report.retrieval.n_texts) == (16, 40)
    by_figure = {c.figure: c.published for c in report.comparisons}
    assert by_figure["t2i_p1"]["EGMA"] == 80.00 and by_figure["i2t_p10"]["MedCLIP"] == 15.86
    assert "ConVIRT" not in by_figure["i2t_p1"] and by_figure["t2i_p5"]["ConVIRT"] == 60.00


def rsna(folder: Path, n: int) -> Path:
    rows: list[list[object]] = []
    for i, phantom in enumerate(phantom_set(n, 30)):
        patient = f"0004cfab-14fd-4e49-80ba-{i:012d}"
        dicom(folder / "stage_2_train_images" / f"{patient}.dcm", phantom)
        boxes = [["", "", "", "", 0]] if i % 3 else [[264.0, 152.0, 213.0, 379.0, 1], [562.0, 152.0, 256.0, 453.0, 1]]
        rows += [[patient, *box] for box in boxes]
    return write_csv(folder / "stage_2_train_labels.csv", ("patientId", "x", "y", "width", "height", "Target"), rows)


def test_rsna_has_a_line_a_box_and_classes_meet_by_name(tmp_path: Path) -> None:
    table, protocol = rsna(tmp_path, 9), load_protocol("rsna")
    chosen = protocol_films(protocol, table, tmp_path)
    assert (chosen.n_rows, chosen.n_selected) == (12, 9)
    assert [film.labels[0] for film in chosen.films].count("Pneumonia") == 3
    predictor = Predictor(checkpoint(tmp_path / "model", "rsna"), class_score=protocol.class_score)
    report = evaluate_protocol(predictor, protocol, table, tmp_path)
    assert report.zero_shot is not None and report.zero_shot.chance == pytest.approx(6 / 9)
    assert report.zero_shot.classes == ("No Finding", "Pneumonia")
    assert report.zero_shot.ranked_by == "difference" and report.zero_shot.auroc[0] == report.zero_shot.auroc[1]
    assert report.linear_probe is None


def test_a_protocol_with_a_linear_probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("egma_core.evaluation.probe.PENALTIES", (0.1, 1.0))
    table, protocol = rsna(tmp_path, 40), load_protocol("rsna")
    predictor = Predictor(checkpoint(tmp_path / "model", "rsna"))
    report = evaluate_protocol(predictor, protocol, table, tmp_path, probe=True)
    assert report.linear_probe is not None
    assert report.linear_probe.n_train + report.linear_probe.n_validation + report.linear_probe.n == 40
    assert {c.figure for c in report.comparisons if c.task == "linear_probe"} == {"1 %", "10 %", "100 %"}


def test_siim_has_masks_as_numbers_and_a_space_in_its_header(tmp_path: Path) -> None:
    rows: list[list[str]] = []
    for i, phantom in enumerate(phantom_set(6, 60)):
        uid = f"1.2.276.0.7230010.3.1.4.8323329.{i}.1517875220.{i}"
        dicom(tmp_path / "dicom-images-train" / f"1.2.{i}" / f"1.3.{i}" / f"{uid}.dcm", phantom)
        masks = [" -1"] if i % 2 else [" 557374 2 1015 8 1009 14 1002" * 9000, " 12 3"][: 1 + i % 4]
        rows += [[uid, mask] for mask in masks]
    table = write_csv(tmp_path / "train-rle.csv", ("ImageId", " EncodedPixels"), rows)
    chosen = protocol_films(load_protocol("siim_acr"), table, tmp_path)
    assert [film.labels[0] for film in chosen.films] == ["No Finding"] * 3 + ["Pneumothorax"] * 3
    assert len(read_image(chosen.films[0].path).pixels) == 1


def test_films_that_are_missing_are_counted_and_none_at_all_is_refused(tmp_path: Path) -> None:
    table = rsna(tmp_path, 3)
    next((tmp_path / "stage_2_train_images").iterdir()).unlink()
    chosen = protocol_films(load_protocol("rsna"), table, tmp_path)
    assert (chosen.n_selected, len(chosen.films)) == (3, 2)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match="None of the 3 films"):
        protocol_films(load_protocol("rsna"), table, tmp_path / "empty")
    with pytest.raises(ConfigError, match="no folder"):
        protocol_films(load_protocol("rsna"), table, tmp_path / "absent")
    with pytest.raises(InterchangeError, match="no column Path"):
        protocol_films(load_protocol("chexpert_5x200"), table, tmp_path)
    only_header = write_csv(tmp_path / "none.csv", ("patientId", "Target"), [])
    with pytest.raises(ConfigError, match="no film that"):
        protocol_films(load_protocol("rsna"), only_header, tmp_path)


def test_films_are_found_by_path_or_by_a_name_that_is_one_films(tmp_path: Path) -> None:
    for name in ("train/patient1/study1/view1_frontal.jpg", "train/patient2/study1/view1_frontal.jpg", "a.dcm", "deep/b.DCM"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    finder = FilmFinder(tmp_path)
    assert finder.find("CheXpert-v1.0/train/patient2/study1/view1_frontal.jpg") == tmp_path / "train/patient2/study1/view1_frontal.jpg"
    assert finder.find("CheXpert-v1.0/train/patient3/study1/view1_frontal.jpg") is None
    assert finder.find("a") == finder.find("a.dcm") == tmp_path / "a.dcm"
    assert finder.find("b") == tmp_path / "deep" / "b.DCM"
    assert finder.find("../a") == tmp_path / "a.dcm"
    assert finder.find("c") is None and finder.find("") is None
    with pytest.raises(ConfigError, match="2 files"):
        finder.find("view1_frontal")

    assert finder.find("C:/a.dcm") is None and finder.find("C:a.dcm") is None, "a drive leads out of the folder"
    outside = tmp_path.parent / "outside.dcm"
    outside.write_bytes(b"")
    assert FilmFinder(tmp_path).find(str(outside)) is None and FilmFinder(tmp_path).find(f"/{outside}") is None


def write_protocol(path: Path, **lines: str) -> Path:
    """A protocol on films that are ill or well, by a table's columns Sick and Split, with some of its lines exchanged."""
    usual = {
        "name": 'name = "Mine"',
        "about": 'about = "Films of mine."',
        "prompts": 'prompts = "mine_prompts.toml"',
        "class_score": 'class_score = "mean"',
        "tasks": 'tasks = ["zero_shot"]',
        "table": '[table]\nimage = "Film"',
        "well": '[classes.Well]\ncolumn = "Sick"\nis = "-1"',
        "ill": "[classes.Ill]\ncolumn = 'Sick'\nis_not = [-1, '']",
        "selection": '[selection]\nrequire = { Split = "10" }',
    }
    path.write_text("\n".join((usual | lines).values()), encoding="utf-8")
    path.with_name("mine_prompts.toml").write_text('[prompts]\nWell = ["no mark"]\nIll = ["a mark"]\n', encoding="utf-8")
    return path


def test_a_protocol_of_ones_own_with_its_prompts_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path.parent)
    protocol = load_protocol(str(write_protocol(tmp_path / "mine.toml")))
    assert protocol.prompts.prompts == {"Well": ("no mark",), "Ill": ("a mark",)}
    assert protocol.classes["Well"].values == ("-1",), "one value is a value, not its letters"
    assert protocol.require == {"Split": ("10",)}
    for i in range(4):
        (tmp_path / f"{i}.dcm").write_bytes(b"")
    table = write_csv(tmp_path / "t.csv", ("Film", "Sick", "Split"), [(0, "-1", 10), (1, "1", "10.0"), (2, "-1", "1"), (3, "-", "10")])
    labels = {film.path.name: film.labels[0] for film in protocol_films(protocol, table, tmp_path).films}
    assert labels == {"0.dcm": "Well", "1.dcm": "Ill", "3.dcm": "Ill"}


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ({"well": '[classes.Well]\ncolumn = "Sick"\nis = "-1"\nisnt = "2"'}, r"\[classes.Well\] has an entry 'isnt'"),
        ({"well": '[classes.Well]\ncolumn = "Sick"'}, "either 'is' or 'is_not'"),
        ({"well": '[classes.Well]\ncolumn = "Sick"\nis = { a = 1 }'}, "neither a value nor a list"),
        ({"selection": "[selection]\nper_clas = 200"}, r"\[selection\] has an entry 'per_clas'"),
        ({"selection": '[selection]\nper_class = "200"'}, "no whole number"),
        ({"selection": "[selection]\nrequire = { Split = [true] }"}, "neither a value nor a list"),
        ({"table": '[table]\nimage = "Film"\npatent = "x"'}, r"\[table\] has an entry 'patent'"),
        ({"name": 'name = "Mine"\nprompt = "rsna"'}, "the protocol has an entry 'prompt'"),
        ({"selection": '[[published]]\nmodel = "A"\nzeroshot = { accuracy = 1 }'}, r"\[\[published\]\] has an entry 'zeroshot'"),
        ({"prompts": 'prompts = "absent.toml"'}, "absent.toml cannot be read"),
    ],
)
def test_what_nothing_reads_is_refused_by_its_name(tmp_path: Path, lines: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_protocol(str(write_protocol(tmp_path / "mine.toml", **lines)))


def test_a_long_name_draws_too(tmp_path: Path) -> None:
    path = write_protocol(tmp_path / f"{'a_protocol_with_a_long_name_' * 4}.toml", selection="[selection]\nper_class = 2")
    for i in range(8):
        (tmp_path / f"{i}.dcm").write_bytes(b"")
    table = write_csv(tmp_path / "t.csv", ("Film", "Sick"), [(i, -1 if i % 2 else 1) for i in range(8)])
    drawn = protocol_films(load_protocol(str(path)), table, tmp_path)
    assert sorted(film.labels[0] for film in drawn.films) == ["Ill", "Ill", "Well", "Well"]
    assert {f.path for f in protocol_films(load_protocol(str(path)), table, tmp_path).films} == {f.path for f in drawn.films}


def test_protocols_and_tables_of_another_form(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="chexpert_5x200"):
        load_protocol("imagenet")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_protocol(str(tmp_path / "absent.toml"))
    for text, words in (("name =", "not valid TOML"), ('name = "x"', "lacks something"), ('prompts = "none"', "no prompt set")):
        (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
        with pytest.raises(ConfigError, match=words):
            load_protocol(str(tmp_path / "mine.toml"))
    (tmp_path / "binary.csv").write_bytes(b"a,b\n\xff\xfe\n")
    with pytest.raises(InterchangeError, match="not CSV"):
        read_table(tmp_path / "binary.csv")
