"""A whole study, tiny: it runs, stops anywhere and goes on, refuses another plan, and reports what is finished."""

from __future__ import annotations

import builtins
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from egma_core.ablation.folder import StudyFolder
from egma_core.ablation.plan import USUAL, StudyPlan
from egma_core.ablation.study import report_study, run_study, stage_weights
from egma_core.ablation.trial import Trials
from egma_core.errors import ConfigError, MissingExtraError, TrainingError
from egma_core.examples.manifest import Manifest
from egma_core.inference.prompts import builtin

Study = Callable[[], StudyFolder]


def unhurried() -> bool:
    return False


def trials(folder: StudyFolder) -> Trials:
    return Trials(folder, builtin("phantom").prompts)


def figures(folder: StudyFolder, name: str) -> dict[str, Any]:
    return json.loads(folder.result(name).read_text(encoding="utf-8"))["figures"]


def test_a_study_runs_from_nothing_to_its_report_and_once_only(tmp_path: Path) -> None:
    plan = StudyPlan(
        conditions=("no_gaze",), budgets=(2,), seeds=2, train=4, validation=2, test=4, first_seed=3001, size_px=32, width=8, embed_dim=8
    )
    told: list[tuple[str, int, int]] = []
    folder = run_study(tmp_path / "new", plan, jobs=2, progress=lambda *event: told.append(event))
    assert {stage for stage, _, _ in told} == set(stage_weights(plan))
    assert all(any(stage == s and done == total for s, done, total in told) for stage in stage_weights(plan))
    training = [done for stage, done, _ in told if stage == "Training"]
    assert training == sorted(training)
    table, missing = report_study(folder, plan, "egma ablate --out new")
    assert missing is None
    assert "Not finished" not in table
    written = [folder.result(run.name).stat().st_mtime_ns for run in plan.runs]
    assert run_study(tmp_path / "new", plan, jobs=1) == folder  # nothing is left: no worker is even started
    assert [folder.result(run.name).stat().st_mtime_ns for run in plan.runs] == written
    assert not list((folder.path / "runs").iterdir())


def test_an_interrupted_run_goes_on_to_the_same_figures(study: Study) -> None:
    folder = study()
    judge = trials(folder)
    assert judge.run("gaze_100-2-0", lambda _event: None, unhurried)
    whole = figures(folder, "gaze_100-2-0")
    folder.result("gaze_100-2-0").unlink()
    steps: list[dict[str, Any]] = []
    assert not judge.run("gaze_100-2-0", steps.append, lambda: any(e["event"] == "step" for e in steps))
    assert not folder.result("gaze_100-2-0").is_file()
    assert folder.run("gaze_100-2-0").is_dir()
    assert trials(folder).run("gaze_100-2-0", lambda _event: None, unhurried)
    assert figures(folder, "gaze_100-2-0") == whole
    assert not folder.run("gaze_100-2-0").exists()


def test_ctrl_c_lets_the_workers_save_and_the_same_study_goes_on(study: Study) -> None:
    folder = study()
    plan = folder.plan()
    for run in plan.runs[1:]:
        folder.result(run.name).parent.mkdir(exist_ok=True)
        folder.result(run.name).write_text("{}", encoding="utf-8")  # only the first run is left

    def interrupt(stage: str, done: int, total: int) -> None:
        if stage == "Training" and done == total - 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(folder.path, plan, jobs=1, progress=interrupt)
    name = plan.runs[0].name
    checkpoints = [path.name for path in folder.run(name).glob("checkpoints/*")]
    assert checkpoints == ["step_000001"] or folder.result(name).is_file()  # saved, unless it was done before the word came
    run_study(folder.path, plan, jobs=1)
    assert figures(folder, name)["by_finding"]


def test_conditions_are_trained_on_what_they_say(study: Study) -> None:
    folder = study()
    judge, steps = trials(folder), dict[str, list[dict[str, Any]]]()
    for name in ("no_gaze-2-0", "gaze_100-2-0", "reader_missing-2-0"):
        assert judge.run(name, steps.setdefault(name, []).append, unhurried)
    gaze = {name: [e["gaze"] for e in events if e["event"] == "step"] for name, events in steps.items()}
    assert gaze["no_gaze-2-0"] == [0.0, 0.0]
    assert min(gaze["gaze_100-2-0"]) > 0
    assert gaze["reader_missing-2-0"] != gaze["gaze_100-2-0"]
    texts = {r: {s.text for e in Manifest.load(folder.manifest(r)).of("test") for s in e.sentences} for r in ("usual", "missing")}
    assert texts["usual"] == texts["missing"]  # only training films are read otherwise


def test_the_report_compares_what_is_finished_and_says_that_more_is_to_come(study: Study) -> None:
    folder = study()
    judge, plan = trials(folder), folder.plan()
    with pytest.raises(ConfigError, match="No run"):
        report_study(folder, plan, "egma ablate")
    for name in ("no_gaze-2-0", "no_gaze-2-1", "gaze_100-2-0", "gaze_100-2-1", "gaze_50-2-0"):
        assert judge.run(name, lambda _event: None, unhurried)
    table, missing = report_study(folder, plan, "egma ablate --out study")
    assert missing is None
    assert f"Not finished: 5 of {len(plan.runs)} runs" in table
    assert "`egma ablate --out study`" in table
    assert table == (folder.path / "ablation.md").read_text(encoding="utf-8")
    report = json.loads((folder.path / "ablation.json").read_text(encoding="utf-8"))
    rows = {row["condition"]: row for row in report["rows"]}
    assert list(rows) == ["no_gaze", "gaze_50", "gaze_100"]
    own, base = ([figures(folder, f"{name}-2-{seed}")["auroc_global"] for seed in (0, 1)] for name in ("gaze_100", "no_gaze"))
    assert rows["gaze_100"]["values"]["auroc_global"]["mean"] == pytest.approx(sum(own) / 2)
    assert rows["gaze_100"]["differences"]["auroc_global"]["mean"] == pytest.approx((sum(own) - sum(base)) / 2)
    assert rows["gaze_50"]["differences"]["auroc_global"] == {
        "mean": pytest.approx(figures(folder, "gaze_50-2-0")["auroc_global"] - base[0]),
        "ci95": [None, None],
        "n": 1,
    }
    assert report["plan"]["budgets"] == [2]
    for name in ("grounding", "dose"):
        assert (folder.path / f"{name}.svg").read_text(encoding="utf-8").startswith("<?xml")
        assert (folder.path / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_without_matplotlib_the_table_is_written_all_the_same(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = study()
    assert trials(folder).run("no_gaze-2-0", lambda _event: None, unhurried)
    real = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.partition(".")[0] == "matplotlib":
            raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    table, missing = report_study(folder, folder.plan(), "egma ablate")
    assert isinstance(missing, MissingExtraError)
    assert "egma[plots]" in str(missing)
    assert (folder.path / "ablation.md").read_text(encoding="utf-8") == table
    assert not (folder.path / "dose.svg").exists()


def test_a_folder_of_another_plan_or_of_something_else_is_refused(study: Study, tmp_path: Path) -> None:
    folder = study()
    plan = folder.plan()
    assert StudyFolder.open(folder.path, plan) == folder
    with pytest.raises(ConfigError, match="another plan"):
        StudyFolder.open(folder.path, dataclasses.replace(plan, seeds=3))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("words", encoding="utf-8")
    with pytest.raises(ConfigError, match="other things"):
        StudyFolder.open(tmp_path / "other", plan)
    with pytest.raises(ConfigError, match="a file"):
        StudyFolder.open(tmp_path / "other" / "thesis.txt", plan)
    folder.note.write_text("{", encoding="utf-8")
    with pytest.raises(ConfigError):
        StudyFolder.open(folder.path, plan)
    with pytest.raises(ConfigError, match="no study"):
        StudyFolder(tmp_path).plan()


def test_a_run_that_is_not_planned_and_a_manifest_that_is_damaged_are_refused(study: Study) -> None:
    folder = study()
    with pytest.raises(ConfigError, match="no run nothing"):
        trials(folder).run("nothing", lambda _event: None, unhurried)
    folder.manifest(USUAL.name).write_text("{}", encoding="utf-8")
    with pytest.raises(TrainingError, match=r"usual\.json"):
        run_study(folder.path, folder.plan(), jobs=1)


def test_a_damaged_result_is_named(study: Study) -> None:
    folder = study()
    folder.result("no_gaze-2-0").parent.mkdir()
    folder.result("no_gaze-2-0").write_text("{", encoding="utf-8")
    with pytest.raises(ConfigError, match="no_gaze-2-0"):
        folder.results(folder.plan().runs)
