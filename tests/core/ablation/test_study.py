"""A whole study, tiny: it runs, stops anywhere and goes on, refuses another plan, and reports what is finished."""

from __future__ import annotations

import builtins
import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from egma_core.ablation.folder import StudyFolder, write_json
from egma_core.ablation.lock import study_lock
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
    table, missing = report_study(folder, "egma ablate --out new")
    assert missing is None
    assert "Not finished" not in table
    written = [folder.result(run.name).stat().st_mtime_ns for run in plan.runs]
    assert run_study(tmp_path / "new", plan, jobs=1) == folder  # nothing is left: no worker is even started
    assert [folder.result(run.name).stat().st_mtime_ns for run in plan.runs] == written
    judged = {run.name: figures(folder, run.name) for run in plan.runs}
    told_before = {run.name: (folder.run(run.name) / "events.jsonl").read_bytes() for run in plan.runs}
    shutil.rmtree(folder.path / "results")
    run_study(tmp_path / "new", plan, jobs=1)  # the kept models are judged anew, and not trained
    assert {run.name: figures(folder, run.name) for run in plan.runs} == judged
    assert {run.name: (folder.run(run.name) / "events.jsonl").read_bytes() for run in plan.runs} == told_before
    assert sorted(path.name for path in (folder.path / "runs").iterdir()) == sorted(run.name for run in plan.runs)


def again(folder: StudyFolder, name: str) -> None:
    """Forget a run."""
    folder.result(name).unlink()
    shutil.rmtree(folder.run(name))


def test_an_interrupted_run_goes_on_to_the_same_figures(study: Study) -> None:
    folder = study()
    judge, name = trials(folder), "gaze_100-2-0"
    assert judge.run(name, lambda _event: None, unhurried)
    whole = figures(folder, name)
    again(folder, name)
    steps: list[dict[str, Any]] = []
    assert not judge.run(name, steps.append, lambda: any(e["event"] == "step" for e in steps))
    assert not folder.result(name).is_file()
    assert trials(folder).run(name, lambda _event: None, unhurried)
    assert figures(folder, name) == whole


def test_a_run_whose_training_ended_before_it_was_judged_is_judged_without_training(study: Study) -> None:
    """Once stopped right after the last checkpoint, once with all but the result written."""
    folder, name = study(), "gaze_100-2-0"

    def fail(event: dict[str, Any]) -> None:
        if event["event"] == "checkpoint":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trials(folder).run(name, fail, unhurried)
    assert not folder.result(name).is_file()
    assert not (folder.run(name) / "metrics.json").is_file()
    events: list[dict[str, Any]] = []
    assert trials(folder).run(name, events.append, unhurried)
    assert "step" not in [event["event"] for event in events]
    whole = json.loads(folder.result(name).read_text(encoding="utf-8"))
    folder.result(name).unlink()
    events.clear()
    assert trials(folder).run(name, events.append, unhurried)
    assert not events  # the model is judged, nothing else
    assert json.loads(folder.result(name).read_text(encoding="utf-8")) == whole
    assert whole["validation"]["fine_grained"] > 0
    again(folder, name)
    assert trials(folder).run(name, lambda _event: None, unhurried)
    assert figures(folder, name) == whole["figures"]


def test_a_kept_model_of_another_configuration_is_not_taken_for_the_plans(study: Study) -> None:
    folder, name = study(), "gaze_100-2-0"
    assert trials(folder).run(name, lambda _event: None, unhurried)
    config = folder.run(name) / "config.toml"
    config.write_text(config.read_text(encoding="utf-8").replace("seed = 0", "seed = 1"), encoding="utf-8")
    with pytest.raises(TrainingError, match="another configuration"):
        trials(folder).run(name, lambda _event: None, unhurried)


def test_a_result_that_was_judged_otherwise_counts_as_not_finished(study: Study) -> None:
    folder = study()
    name, runs = "no_gaze-2-0", folder.plan().runs
    assert trials(folder).run(name, lambda _event: None, unhurried)
    result = json.loads(folder.result(name).read_text(encoding="utf-8"))
    assert list(folder.results(runs)) == [name]
    write_json(folder.result(name), {**result, "judging": result["judging"] - 1})
    assert not folder.results(runs)
    write_json(folder.result(name), {**result, "judged_by": {**result["judged_by"], "questions": "others"}})
    with pytest.raises(ConfigError, match="other questions"):
        report_study(folder, "egma ablate")


LONG = StudyPlan(
    conditions=("no_gaze",), budgets=(400,), seeds=1, train=4, validation=2, test=4, first_seed=3001, size_px=32, width=8, embed_dim=8
)
"""Long enough that the word to stop comes before its end."""


def test_ctrl_c_lets_the_workers_save(tmp_path: Path) -> None:
    name = LONG.runs[0].name

    def interrupt(stage: str, done: int, _total: int) -> None:
        if stage == "Training" and done >= 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_study(tmp_path / "study", LONG, jobs=1, progress=interrupt)
    folder = StudyFolder(tmp_path / "study")
    checkpoints = [path.name for path in folder.run(name).glob("checkpoints/step_*")]
    assert len(checkpoints) == 1
    assert 1 <= int(checkpoints[0].removeprefix("step_")) < LONG.budgets[0]
    assert not folder.result(name).is_file()
    events: list[dict[str, Any]] = []
    assert not trials(folder).run(name, events.append, lambda: True)
    assert events[0]["step"] == int(checkpoints[0].removeprefix("step_"))  # it would go on from there


def test_a_second_command_on_the_same_folder_is_refused(study: Study) -> None:
    folder = study()
    with study_lock(folder.path), pytest.raises(ConfigError, match="another command"):
        run_study(folder.path, folder.plan(), jobs=1)
    with study_lock(folder.path):
        pass  # the claim is gone with its holder


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
        report_study(folder, "egma ablate")
    for name in ("no_gaze-2-0", "no_gaze-2-1", "gaze_100-2-0", "gaze_100-2-1", "gaze_50-2-0"):
        assert judge.run(name, lambda _event: None, unhurried)
    table, missing = report_study(folder, "egma ablate --out study")
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
    assert report["hash"] == plan.hash
    assert set(report["program"]) - {"commit"} == {"egma", "code"}
    assert [set(state) for state in report["judged_by"]] == [{"questions", "prompts", "code"}]
    assert "outcomes" not in report["results"]["no_gaze-2-0"]["figures"]
    assert [oracle["name"] for oracle in report["oracles"]] == ["words", "anything"]
    primary = report["primary"]
    assert (primary["condition"], primary["baseline"], primary["budget"]) == ("gaze_100", "no_gaze", 2)
    assert primary["over_seeds_and_films"]["mean"] == pytest.approx(primary["over_seeds"]["mean"])
    assert rows["gaze_100"]["validation_losses"]["fine_grained"]["n"] == 2
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
    table, missing = report_study(folder, "egma ablate")
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


def test_the_report_needs_the_folder_alone_and_no_torch(study: Study, tmp_path: Path) -> None:
    folder = study()
    judge = trials(folder)
    for name in ("no_gaze-2-0", "gaze_100-2-0"):
        assert judge.run(name, lambda _event: None, unhurried)
    for heavy in ("films", "manifests", "pictures", "runs", "without"):
        shutil.rmtree(folder.path / heavy, ignore_errors=True)
    code = (
        "import sys; sys.modules.update(torch=None, safetensors=None, transformers=None)\n"
        "from pathlib import Path\n"
        "from egma_core.ablation.folder import StudyFolder\n"
        "from egma_core.ablation.study import report_study\n"
        f"report_study(StudyFolder(Path({str(folder.path)!r})), 'egma ablate')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert "Not finished: 2 of" in (folder.path / "ablation.md").read_text(encoding="utf-8")
    with pytest.raises(ConfigError, match="holds no study"):
        report_study(StudyFolder(tmp_path / "new"), "egma ablate")
    assert not (tmp_path / "new").exists()
