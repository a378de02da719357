"""Grounding measures on worked cases, tables of boxes, and predictors whose quality is known."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from egma_core.alignment.patches import PatchGrid
from egma_core.errors import ConfigError, InterchangeError
from egma_core.evaluation import grounding
from egma_core.evaluation.boxes import GroundingCase, PhraseBoxes, cases_in_folder, cases_in_manifest, read_boxes
from egma_core.evaluation.grounding import evaluate_grounding
from egma_core.examples.manifest import Example, ExampleSentence, Manifest
from egma_core.inference.prediction import Prediction, SimilarityMap
from egma_core.inference.prompts import PromptSet

VALUES = np.array([[1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.5], [0.0, 0.0, 0.0, np.nan]])
INSIDE = np.array([[True, True, False, False], [True, False, False, True], [False, False, False, True]])


def test_worked_measures_leave_out_what_was_not_seen() -> None:
    inside, outside = np.array([1, 1, 1, 0.5]), np.array([0, 0, 1, 0, 0, 0, 0])
    expected = (inside.mean() - outside.mean()) / math.sqrt(inside.var() + outside.var())
    assert grounding.contrast_to_noise(VALUES, INSIDE) == pytest.approx(expected)
    assert grounding.contrast_to_noise(-VALUES, INSIDE) == pytest.approx(-expected)
    assert grounding.mean_iou(VALUES, INSIDE) == pytest.approx((4 * 4 / 5 + 3 / 5) / 5)
    assert grounding.mean_iou(VALUES / 2, INSIDE, "cosine") == pytest.approx((2 * 4 / 5 + 2 * 3 / 5 + 0) / 5)
    assert grounding.energy_inside(VALUES, INSIDE) == pytest.approx(3.5 / 4.5)
    assert grounding.energy_inside(VALUES - 1, INSIDE) == pytest.approx(3.5 / 4.5)


def test_pointing_counts_the_share_of_several_highest_places() -> None:
    assert grounding.points_inside(VALUES, INSIDE) == 3 / 4
    only = np.zeros_like(INSIDE)
    only[1, 1] = True
    assert grounding.points_inside(VALUES, only) == 1 / 4
    only[1, 1], only[2, 3] = False, True
    assert grounding.points_inside(VALUES, only) == 0.0
    higher = VALUES.copy()
    higher[0, 0] = 2.0
    assert grounding.points_inside(higher, INSIDE) == 1.0
    assert grounding.points_inside(higher, ~INSIDE) == 0.0


def test_a_flat_map_points_no_better_than_blindly() -> None:
    flat = Scripted(lambda film, phrase: np.full((4, 4), 0.25, dtype=np.float32))
    found = evaluate_grounding(flat, [case("a", "x", "N", [2, 22, 18, 38]), case("b", "x", "N", [0, 0, 40, 8])])
    assert found.macro["pointing"].value == pytest.approx(found.macro["box_share"].value)
    assert 0 < found.macro["pointing"].value < 0.15


def test_undefined_cases() -> None:
    nothing = np.zeros_like(INSIDE)
    assert math.isnan(grounding.contrast_to_noise(VALUES, nothing))
    assert math.isnan(grounding.mean_iou(VALUES, nothing))
    flat = np.ones((3, 4))
    assert grounding.contrast_to_noise(flat, INSIDE) == 0.0
    assert math.isnan(grounding.energy_inside(np.zeros((3, 4)), INSIDE))
    assert math.isnan(grounding.points_inside(np.full((3, 4), np.nan), INSIDE))


def test_a_box_smaller_than_a_part_still_has_one() -> None:
    mask = grounding.box_mask(np.array([[10.2, 20.2, 10.4, 20.4]]), (100, 50), (10, 5))
    assert np.argwhere(mask).tolist() == [[2, 1]]
    mask = grounding.box_mask(np.array([[0, 0, 25, 50], [40, 90, 50, 100]]), (100, 50), (10, 5))
    assert mask[:5, :2].all() and mask[9, 4] and mask.sum() == 5 * 2 + 1


class Scripted:
    """Maps on a film of 80 by 40 pixels drawn by a function of the film's name and the phrase."""

    def __init__(self, draw: Callable[[str, str], NDArray[np.float32]]) -> None:
        self.draw = draw

    def remember(self, films: Sequence[Path], sentences: Sequence[str] = ()) -> None:
        assert len(films) == len(set(films))

    def predict(self, film: Path, prompts: PromptSet | Sequence[str]) -> Prediction:
        (phrase,) = prompts
        found = SimilarityMap(phrase, self.draw(film.stem, phrase), PatchGrid.fit(80, 40, 32, 4, 4), (80, 40))
        none = np.zeros(0, np.float32)
        return Prediction((), none, none, (phrase,), none, (found,))


def hot(row: int, column: int) -> NDArray[np.float32]:
    cells = np.full((4, 4), -0.2, dtype=np.float32)
    cells[row, column] = 0.6
    return cells


def case(film: str, phrase: str, label: str, box: list[float], shape: tuple[float, float] | None = None) -> GroundingCase:
    return GroundingCase(Path(f"{film}.dcm"), f"P-{film}", PhraseBoxes(film, phrase, label, np.array([box]), shape, ""))


def test_means_are_of_phrases_then_of_findings() -> None:
    """The film is 40 across in a square of 80, so column 1 of the grid spans its pixels 0 to 20."""
    cases = [case(str(i), "middle left", "Nodule", [2, 22, 18, 38]) for i in range(3)]
    cases += [case("9", "lower right", "Edema", [22, 62, 38, 78])]
    result = evaluate_grounding(Scripted(lambda film, phrase: hot(1, 1)), cases)
    assert (result.n_films, result.n_phrases) == (4, 4)
    assert result.by_label["Nodule"]["pointing"] == 1.0 and result.by_label["Edema"]["pointing"] == 0.0
    assert result.macro["pointing"].value == 0.5
    assert result.by_label["Nodule"]["cnr"] > 1 > 0 > result.by_label["Edema"]["cnr"] == -result.by_label["Edema"]["absolute_cnr"]
    assert result.macro["box_share"].value == pytest.approx(16 * 16 / (40 * 80))
    assert result.by_label["Nodule"]["energy"] > 3 * result.macro["box_share"].value
    assert result.macro["pointing"].ci95 == (0.5, 1.0)
    json.dumps(result.to_json(), allow_nan=False)


def test_boxes_drawn_on_a_picture_of_another_size() -> None:
    draw = Scripted(lambda film, phrase: hot(3, 2))
    same = evaluate_grounding(draw, [case("a", "x", "N", [22, 62, 38, 78])])
    larger = evaluate_grounding(draw, [case("a", "x", "N", [220, 620, 380, 780], (800.0, 400.0))])
    assert larger.macro["cnr"].value == same.macro["cnr"].value
    with pytest.raises(ConfigError, match="off its film"):
        evaluate_grounding(draw, [case("a", "x", "N", [220, 620, 380, 780])])
    with pytest.raises(ConfigError, match="normalisation"):
        evaluate_grounding(draw, [], normalisation="softmax")  # pyright: ignore[reportArgumentType] - the wrong value is the point


def test_pointing_may_be_forgiven_some_pixels() -> None:
    draw = Scripted(lambda film, phrase: hot(1, 1))
    beside = [case("a", "x", "N", [2, 44, 18, 60])]
    assert evaluate_grounding(draw, beside).macro["pointing"].value == 0.0
    assert evaluate_grounding(draw, beside, tolerance_px=15).macro["pointing"].value == 1.0


def test_rows_that_share_film_and_phrase_are_one_phrase(tmp_path: Path) -> None:
    rows = (
        "film,phrase,label,x,y,w,h,patient,image_width,image_height",
        'films/a.dcm,"a nodule, right",Nodule,1,2,10,20,P1,40,80',
        'films/a.dcm,"a nodule, right",Nodule,30,30,1.5,2,P1,40,80',
        "b,edema,Edema,0,0,5,5,,,",
    )
    (tmp_path / "boxes.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    nodule, edema = read_boxes(tmp_path / "boxes.csv")
    assert (nodule.film, nodule.phrase, nodule.label, nodule.patient) == ("films/a.dcm", "a nodule, right", "Nodule", "P1")
    assert nodule.shape == (80.0, 40.0)
    np.testing.assert_array_equal(nodule.boxes, [[1, 2, 11, 22], [30, 30, 31.5, 32]])
    assert (edema.film, edema.phrase, edema.shape, edema.patient) == ("b", "edema", None, "")
    np.testing.assert_array_equal(edema.boxes, [[0, 0, 5, 5]])


def test_columns_of_ms_cxr_are_known(tmp_path: Path) -> None:
    path = tmp_path / "ms.csv"
    path.write_text(
        "dicom_id,category_name,label_text,path,x,y,w,h,image_width,image_height,split\n"
        "f1,Pneumonia,left basilar opacity,files/f1.jpg,10,20,30,40,100,200,test\n",
        encoding="utf-8",
    )
    (phrase,) = read_boxes(path)
    assert (phrase.film, phrase.label, phrase.phrase, phrase.shape) == ("f1", "Pneumonia", "left basilar opacity", (200.0, 100.0))
    assert phrase.boxes.tolist() == [[10, 20, 40, 60]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("film,phrase,label,x,y,w\na,b,c,1,1,1\n", "no column h"),
        ("film,phrase,label,x,y,w,h\na,b,c,1,1,0,4\n", "no size"),
        ("film,phrase,label,x,y,w,h\na,b,c,1,one,3,4\n", "something else than a number"),
        ("film,phrase,label,x,y,w,h\na,b,c,1,nan,3,4\n", "something else than a number"),
        ("film,phrase,label,x,y,w,h\n,b,c,1,1,3,4\n", "names no film"),
        ("film,phrase,label,x,y,w,h,image_width,image_height\na,b,c,1,1,3,4,0,9\n", "no size"),
        ("film,phrase,label,x,y,w,h\n", "is empty"),
        ("", "no header"),
    ],
)
def test_tables_that_are_none(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "boxes.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InterchangeError, match=words):
        read_boxes(tmp_path / "boxes.csv")
    with pytest.raises(InterchangeError, match="cannot be read"):
        read_boxes(tmp_path / "absent.csv")


def test_films_are_found_in_the_manifest_or_in_a_folder(tmp_path: Path) -> None:
    sentence = (ExampleSentence("x", "typed"),)
    examples = tuple(
        Example(f"ex{i}", f"P{i}", "", f"films/{i}.dcm", "", (80, 40), (), split, "", sentence)
        for i, split in enumerate(("test", "test", "test", "train"))
    )
    manifest = Manifest(tmp_path, examples)
    phrases = tuple(PhraseBoxes(f, "x", "N", np.array([[0.0, 0, 9, 9]]), None, "") for f in ("films/0.dcm", "1", "ex2", "3", "elsewhere"))
    cases = cases_in_manifest(phrases, manifest, "test")
    assert [(c.path.name, c.patient) for c in cases] == [("0.dcm", "P0"), ("1.dcm", "P1"), ("2.dcm", "P2")]
    with_slash = PhraseBoxes("/films/2.dcm", "x", "N", np.array([[0.0, 0, 9, 9]]), None, "")
    other_way = PhraseBoxes("films\\1.dcm", "x", "N", np.array([[0.0, 0, 9, 9]]), None, "")
    absent = PhraseBoxes("/a.dcm", "x", "N", np.array([[0.0, 0, 9, 9]]), None, "")
    found = cases_in_manifest((with_slash, absent, other_way), manifest, "test")
    assert [(c.path.name, c.phrase.film) for c in found] == [("2.dcm", "/films/2.dcm"), ("1.dcm", "films\\1.dcm")]
    with pytest.raises(ConfigError, match="validation split"):
        cases_in_manifest(phrases, manifest, "validation")
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "1.dcm").write_bytes(b"")
    assert [c.path for c in cases_in_folder(phrases, tmp_path)] == [tmp_path / "films" / "1.dcm"]
    with pytest.raises(ConfigError, match="No film"):
        cases_in_folder(phrases[-1:], tmp_path)
    with pytest.raises(ConfigError, match="no folder"):
        cases_in_folder(phrases, tmp_path / "absent")
