"""Prompt sets: grids multiplied out, files that people edit, and the sets that come with the program."""

from __future__ import annotations

from pathlib import Path

import pytest

from egma_core.errors import ConfigError
from egma_core.inference.prompts import PromptSet, best_builtin, builtin, builtin_names, load_prompts, save_prompts


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_parts_are_multiplied_out(tmp_path: Path) -> None:
    path = write(
        tmp_path, '[classes.Edema]\nparts = [["", "mild"], ["edema", "fluid"], ["left"]]\n[classes."No Finding"]\nprompts = ["Clear."]\n'
    )
    prompts = load_prompts(path)
    assert prompts.name == "mine"
    assert list(prompts.prompts) == ["Edema", "No Finding"]
    assert prompts.prompts["Edema"] == ("edema left", "fluid left", "mild edema left", "mild fluid left")


def test_plain_lists_come_first(tmp_path: Path) -> None:
    prompts = load_prompts(write(tmp_path, 'name = "Mine"\n[prompts]\nB = ["b"]\nA = ["a", "aa"]\n[classes.C]\nparts = [["c"]]\n'))
    assert prompts == PromptSet("Mine", {"B": ("b",), "A": ("a", "aa"), "C": ("c",)})
    assert list(prompts.prompts) == ["B", "A", "C"]


def test_a_sentence_spelled_twice_counts_once(tmp_path: Path) -> None:
    path = write(tmp_path, '[classes.A]\nparts = [["x", "y", "x"]]\n[classes.B]\nprompts = ["z", "z"]\n')
    assert load_prompts(path).prompts == {"A": ("x", "y"), "B": ("z",)}


def test_five_by_two_hundred() -> None:
    prompts = builtin("chexpert_5x200").prompts
    assert {name: len(sentences) for name, sentences in prompts.items()} == {
        "Atelectasis": 210,
        "Cardiomegaly": 15,
        "Consolidation": 192,
        "Edema": 18,
        "Pleural Effusion": 36,
    }
    assert prompts["Atelectasis"][0] == "subsegmental atelectasis at the mid lung zone"
    assert "minimal residual atelectasis at the right lower lobe" in prompts["Atelectasis"]
    assert "apperance of partial consolidation at the right uppper lobe" in prompts["Consolidation"]
    assert "presistent pulmonary edema" in prompts["Edema"]
    assert "small left subpulmonic pleural effusion" in prompts["Pleural Effusion"]


def test_eight_by_two_hundred() -> None:
    prompts = builtin("chexpert_8x200").prompts
    assert len(prompts) == 8
    assert {len(sentences) for sentences in prompts.values()} == {5}
    assert "No clinically significant radiographic abormalities." in prompts["No Finding"]


def test_every_set_of_the_program_can_be_read() -> None:
    assert {"chexpert_5x200", "chexpert_8x200"} <= set(builtin_names())
    for name in builtin_names():
        assert builtin(name).prompts


def test_the_set_that_names_most_labels() -> None:
    assert best_builtin(["nodule", "Hilar enlargement"]) == builtin("phantom")
    assert best_builtin(["Consolidation", "Edema", "Cardiomegaly", "Atelectasis", "Pleural Effusion"]) == builtin("chexpert_5x200")
    assert best_builtin(["No Finding", "Pneumonia"]) == builtin("rsna")
    assert best_builtin(["upper left"]) is None and best_builtin([]) is None


def test_two_classes_take_their_sentences_from_eight() -> None:
    eight = builtin("chexpert_8x200").prompts
    for name, finding in (("rsna", "Pneumonia"), ("siim_acr", "Pneumothorax")):
        assert builtin(name).prompts == {"No Finding": eight["No Finding"], finding: eight[finding]}


@pytest.mark.parametrize("name", ["nothing", "../presets/tiny", ""])
def test_a_set_that_is_not_there(name: str) -> None:
    with pytest.raises(ConfigError, match="chexpert_5x200"):
        builtin(name)


def test_saved_and_read_again(tmp_path: Path) -> None:
    prompts = PromptSet('Größe "x"', {"B": ("the heart's size\\", "größer"), "a.b": ("one",)})
    path = tmp_path / "saved.toml"
    save_prompts(path, prompts)
    save_prompts(path, prompts)
    again = load_prompts(path)
    assert again == prompts
    assert list(again.prompts) == ["B", "a.b"]
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(ConfigError, match="cannot be written"):
        save_prompts(tmp_path / "no folder" / "x.toml", prompts)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("classes = 3", "no classes"),
        ("", "no classes"),
        ("[classes]", "no classes"),
        ("[classes.A]", "no prompts"),
        ('[classes.A]\nprompts = ["x"]\nparts = [["x"]]', "no prompts"),
        ('[classes.A]\nprompts = "x"', "list of phrases"),
        ("[classes.A]\nprompts = [1]", "list of phrases"),
        ("[classes.A]\nprompts = []", "list of phrases"),
        ("[classes.A]\nparts = []", "not lists"),
        ('[classes.A]\nparts = ["x"]', "list of phrases"),
        ('[classes.A]\nprompts = ["x", " "]', "empty sentence"),
        ('[classes.A]\nparts = [["", "x"], [""]]', "empty sentence"),
        ('colour = 1\n[classes.A]\nprompts = ["x"]', "colour"),
        ("[classes.A", "not valid TOML"),
        ("[prompts]", "no classes"),
        ("prompts = 3", "no classes"),
        ('[prompts]\nA = "x"', "list of phrases"),
        ('[prompts]\nA = ["x"]\n[classes.A]\nprompts = ["x"]', "twice"),
        ('name = 3\n[prompts]\nA = ["x"]', "no classes"),
    ],
)
def test_files_of_another_form(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load_prompts(write(tmp_path, text))


def test_a_grid_that_explodes(tmp_path: Path) -> None:
    ten = str([f"w{i}" for i in range(10)]).replace("'", '"')
    with pytest.raises(ConfigError, match="1,000,000"):
        load_prompts(write(tmp_path, f"[classes.A]\nparts = [{', '.join([ten] * 6)}]"))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"mine\.toml cannot be read"):
        load_prompts(tmp_path / "mine.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not valid TOML"):
        load_prompts(tmp_path / "binary.toml")
