"""`egma ablate` at the command line: a whole tiny study, its table again, and words for what cannot be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from egma_app.cli.ablation import command_of
from egma_app.cli.main import main
from egma_core.ablation.plan import StudyPlan

TINY = StudyPlan(
    conditions=("no_gaze", "gaze_100"),
    budgets=(1,),
    seeds=1,
    train=4,
    validation=2,
    test=4,
    first_seed=3001,
    size_px=32,
    width=8,
    embed_dim=8,
)


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["ablate", *arguments])
    return result.exit_code, result.output


def test_a_study_is_made_and_its_table_can_be_written_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StudyPlan, "quick", classmethod(lambda _cls: TINY))
    out = tmp_path / "study"
    status, said = run("--out", str(out), "--quick", "--jobs", "1", "--seeds", "1")
    assert status == 0, said
    table = (out / "ablation.md").read_text(encoding="utf-8")
    assert "`egma ablate --out study --quick`" in table
    assert table in said
    (out / "ablation.md").unlink()
    assert run("--out", str(out), "--table")[0] == 0
    assert (out / "ablation.md").read_text(encoding="utf-8") == table
    status, said = run("--out", str(out), "--seeds", "2", "--table")
    assert status == 2
    assert "the plan is the one in the folder" in said
    status, said = run("--out", str(out), "--quick", "--seeds", "2")
    assert status == 2
    assert "another plan" in said


def test_the_command_that_is_told_makes_the_plan_again() -> None:
    quick = StudyPlan.quick()
    for plan, words in (
        (StudyPlan(), "egma ablate --out study"),
        (quick, "egma ablate --out study --quick"),
        (replace(quick, seeds=3, budgets=(50, 100)), "egma ablate --out study --quick --seeds 3 --budgets 50,100"),
        (replace(StudyPlan(), conditions=("no_gaze", "gaze_5")), "egma ablate --out study --conditions no_gaze,gaze_5"),
    ):
        assert command_of(Path("study"), plan) == words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--budgets", "many"), "whole numbers"),
        (("--budgets", "450,150"), "ascending"),
        (("--conditions", "no_gaze,gaze_7"), "gaze_7"),
        (("--conditions", "gaze_100"), "compared with no_gaze"),
        (("--seeds", "0"), "seeds"),
        (("--table",), "holds no study"),
    ],
)
def test_what_cannot_be_is_said_in_words(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    status, said = run("--out", str(tmp_path / "study"), *arguments)
    assert status == 2
    assert words in said
    assert "Traceback" not in said
    assert not (tmp_path / "study").exists()
