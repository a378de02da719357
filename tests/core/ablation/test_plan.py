"""The plan: it fixes everything, compares like with like, and keeps its films apart from each other and from the demo's."""

from __future__ import annotations

import dataclasses
import json
from itertools import pairwise

import pytest

from egma_core.ablation.folder import is_record_of
from egma_core.ablation.plan import BASELINE, CONDITIONS, READERS, USUAL, StudyPlan, condition_named
from egma_core.demo.stages import DemoPlan
from egma_core.errors import ConfigError
from egma_core.options import to_mapping
from egma_core.synthetic.films import make_phantom
from egma_core.synthetic.reader import SOURCES, ReaderModel, read_film

PLAN = StudyPlan()


def test_any_change_of_the_plan_changes_its_hash() -> None:
    plan = StudyPlan.quick()
    assert StudyPlan.quick().hash == plan.hash
    changes = {
        "conditions": (BASELINE, "gaze_100"),
        "budgets": (150, 451),
        "seeds": 4,
        "train": 641,
        "validation": 25,
        "test": 321,
        "first_seed": 500_002,
        "reading_seed": 1,
        "rate_hz": 60.0,
        "size_px": 128,
        "width": 32,
        "embed_dim": 32,
        "batch_size": 25,
        "learning_rate": 1e-3,
        "version": "another",
    }
    assert set(changes) == {field.name for field in dataclasses.fields(StudyPlan)}
    hashes = {dataclasses.replace(plan, **{name: value}).hash for name, value in changes.items()}
    assert len(hashes | {plan.hash}) == len(changes) + 1


def test_the_record_spells_out_every_condition_and_reader() -> None:
    record = PLAN.record()
    assert set(record["configurations"]) == {condition.name for condition in CONDITIONS}
    assert record["configurations"]["gaze_10"]["data"]["gaze_share"] == 0.1
    assert record["readers"]["missing"]["model"]["missed"] == 0.3


def test_a_plan_knows_its_record_also_from_before_an_option_came() -> None:
    record = json.loads(json.dumps({"hash": PLAN.hash, **PLAN.record()}))
    assert is_record_of(record, PLAN)
    for configuration in record["configurations"].values():
        del configuration["data"]["flip"]
    assert is_record_of(record, PLAN)
    assert not is_record_of(record, dataclasses.replace(PLAN, seeds=4))
    record["configurations"]["gaze_100"]["data"]["shift"] = 0.1
    assert not is_record_of(record, PLAN)
    record["configurations"]["gaze_100"]["data"] = {"shift": 0.07, "one_that_is_gone": 1}
    assert not is_record_of(record, PLAN)
    for damaged in (None, [], {}, {"configurations": 3}, {"configurations": {"no_gaze": 3}}):
        assert not is_record_of(damaged, PLAN)


def test_films_are_nobody_elses() -> None:
    demo = DemoPlan()
    taken = range(demo.seed, demo.seed + demo.train + demo.validation + demo.test)
    ranges = [taken, *PLAN.phantom_seeds().values()]
    assert all(before.stop <= after.start for before, after in pairwise(ranges))
    assert [len(r) for r in ranges[1:]] == [PLAN.train, PLAN.validation, PLAN.test]


def test_conditions_differ_in_what_they_say_and_nothing_else() -> None:
    runs = {run.condition: run for run in PLAN.runs if (run.budget, run.seed) == (PLAN.budgets[0], 0)}
    usual = to_mapping(PLAN.config(runs["gaze_100"]))
    for name, run in runs.items():
        condition, config = condition_named(name), to_mapping(PLAN.config(run))
        for group in usual:
            changes = {"loss": condition.loss, "data": condition.data}.get(group, {})
            expected = {**usual[group], **changes} if isinstance(usual[group], dict) else usual[group]
            assert config[group] == expected, (name, group)
    assert to_mapping(PLAN.config(runs["without_gaze"]))["loss"]["gaze_weight"] == 0.0
    assert len({str(PLAN.config(run)) + run.reader for run in runs.values()}) == len(runs)


def test_every_run_of_a_seed_comes_before_the_next_seed_and_names_are_unique() -> None:
    assert [run.seed for run in PLAN.runs] == sorted(run.seed for run in PLAN.runs)
    assert len({run.name for run in PLAN.runs}) == len(PLAN.runs)
    short = {run.condition for run in PLAN.runs if run.budget == PLAN.budgets[1]}
    assert short == {condition.name for condition in CONDITIONS if not condition.short_only}


def test_readers_vary_one_thing_at_a_time_and_keep_their_words_if_they_say_so() -> None:
    phantoms = [make_phantom(seed) for seed in range(700, 706)]
    usual = [[s.sentence.text for s in read_film(p, "A").statements] for p in phantoms]
    for reader in READERS[1:]:
        assert reader.model != USUAL.model
        words = [[s.sentence.text for s in read_film(p, "A", model=reader.model).statements] for p in phantoms]
        assert (words == usual) is reader.same_words, reader.name
        looks = [read_film(p, "A", model=reader.model).looks for p in phantoms]
        assert looks != [read_film(p, "A").looks for p in phantoms]
    compared = {c.reader: c.baseline for c in CONDITIONS if c.group == "reader" and c.name != c.baseline}
    assert {name for name, baseline in compared.items() if baseline != BASELINE} == {r.name for r in READERS if not r.same_words}


def test_every_parameter_of_the_reader_has_its_source() -> None:
    assert set(SOURCES) == {field.name for field in dataclasses.fields(ReaderModel)}


@pytest.mark.parametrize(
    "changes",
    [
        {"conditions": ("gaze_100",)},
        {"conditions": (BASELINE, "gaze_7")},
        {"budgets": ()},
        {"budgets": (100, 50)},
        {"budgets": (0,)},
        {"seeds": 0},
        {"train": 1},
        {"test": 0},
    ],
)
def test_a_plan_that_compares_nothing_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        dataclasses.replace(PLAN, **changes)
