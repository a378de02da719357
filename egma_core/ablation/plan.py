"""What a study compares, fixed before its first run: conditions, budgets, seeds, films, and how the simulated readers look.

Everything that decides the result is in the plan, and the plan's hash guards the study's folder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from importlib.metadata import version
from typing import Any

from egma_core.errors import ConfigError
from egma_core.examples.config import DataConfig
from egma_core.examples.splits import Split
from egma_core.model.config import ModelConfig, TextConfig, VisionConfig
from egma_core.options import from_mapping, to_mapping
from egma_core.synthetic.reader import ReaderModel
from egma_core.training.config import OptimConfig, TrainingConfig

NEVER = 10_000_000
"""An interval longer than any run: no evaluation and no checkpoint but the last."""

BASELINE = "no_gaze"
FULL = "gaze_100"


@dataclass(frozen=True)
class ReaderVariant:
    """A way of looking and speaking that the training films are read in.

    Attributes:
        name: Short name, for files.
        title: What differs from the usual reader, for people.
        changes: The fields of `ReaderModel` that differ.
        same_words: Whether the sentences stay those of the usual reader, so that its runs without gaze serve for comparison.
    """

    name: str
    title: str
    changes: Mapping[str, float] = field(default_factory=dict)
    same_words: bool = True

    @property
    def model(self) -> ReaderModel:
        """The reader."""
        return replace(ReaderModel(), **self.changes)


USUAL = ReaderVariant("usual", "as published")

READERS: tuple[ReaderVariant, ...] = (
    USUAL,
    ReaderVariant("no_lead", "reader: eyes not ahead of the voice", {"lead_s": 0.0, "leave_s": 0.0}),
    ReaderVariant("long_lead", "reader: eyes 2 s ahead of the voice", {"lead_s": 2.0, "leave_s": 1.65}),
    ReaderVariant("dispersed", "reader: looks spread twice as wide", {"dispersion": 0.44, "dispersion_px": 18.0}),
    ReaderVariant("elsewhere", "reader: 40 % of looks elsewhere", {"elsewhere": 0.4}),
    ReaderVariant("missing", "reader: 30 % of findings missed", {"missed": 0.3}, same_words=False),
)
"""The usual reader, and one change at a time. Where the eyes are ahead by more or less, they also leave by as much sooner or
later, so that the pauses between sentences stay."""


@dataclass(frozen=True)
class Condition:
    """One way of training that is compared with others.

    Attributes:
        name: Short name, for files.
        title: For people.
        group: `dose`, `control`, `term`, `normalisation` or `reader`: the part of the table.
        loss: Fields of `LossConfig` that differ.
        data: Fields of `DataConfig` that differ.
        reader: Name of the reader variant of the training films.
        short_only: Whether it is run at the smallest budget alone.
        baseline: Name of the condition without gaze that it is compared with, seed by seed.
        varies: Name of the condition with the same gaze, used as usual, that it is compared with too; "" for none.
    """

    name: str
    title: str
    group: str
    loss: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    reader: str = USUAL.name
    short_only: bool = False
    baseline: str = BASELINE
    varies: str = ""


def _dose(percent: int) -> Condition:
    return Condition(f"gaze_{percent}", f"{percent} % gaze", "dose", data={"gaze_share": percent / 100})


def _without(term: str, title: str) -> Condition:
    return Condition(f"without_{term}", f"100 % gaze, without the {title}", "term", loss={f"{term}_weight": 0.0}, varies=FULL)


def _varied(reader: ReaderVariant) -> tuple[Condition, ...]:
    """All gaze of a varied reader; and no gaze, where the words differ too."""
    baseline = BASELINE if reader.same_words else f"no_gaze_{reader.name}"
    runs = [Condition(f"reader_{reader.name}", reader.title, "reader", reader=reader.name, short_only=True, baseline=baseline, varies=FULL)]
    if not reader.same_words:
        title = f"{reader.title}, no gaze"
        runs.append(Condition(baseline, title, "reader", data={"gaze_share": 0.0}, reader=reader.name, short_only=True, baseline=baseline))
    return tuple(runs)


CONDITIONS: tuple[Condition, ...] = (
    Condition(BASELINE, "no gaze", "dose", data={"gaze_share": 0.0}),
    *(_dose(percent) for percent in (1, 5, 10, 50, 100)),
    Condition("shuffled", "gaze of other sentences", "control", data={"gaze_control": "shuffled"}, varies=FULL),
    Condition("report", "gaze of the whole report", "control", data={"gaze_control": "report"}, varies=FULL),
    _without("fine_grained", "fine-grained contrast"),
    _without("gaze", "gaze loss"),
    _without("mapping", "mapping"),
    _without("global", "global contrast"),
    Condition(
        "gaze_10_batch",
        "10 % gaze, gaze loss divided by all films",
        "normalisation",
        loss={"gaze_normalisation": "batch"},
        data={"gaze_share": 0.1},
        varies="gaze_10",
    ),
    *(condition for reader in READERS[1:] for condition in _varied(reader)),
)
"""Everything that is compared. Without gaze means: fine-grained contrast, mapping without gaze, and global contrast."""

QUICK = (BASELINE, "gaze_10", FULL, "shuffled")
"""The conditions of a quick look."""


@dataclass(frozen=True)
class StudyPlan:
    """Everything that decides a study's result.

    Attributes:
        conditions: Names of the conditions.
        budgets: Optimiser steps that each condition is trained for, ascending.
        seeds: Seeds of each condition and budget: 0 to `seeds - 1`. They decide the first weights, the order of the films,
            their variation, and which films' gaze a dose uses; the films are the same for all.
        train: Training films.
        validation: Validation films; they are scored at the end of each run, and nothing is chosen by them.
        test: Test films, which figures are over.
        first_seed: The first phantom's seed; far from those of the demo.
        reading_seed: Seed of the readings, and of the questions' wording.
        rate_hz: Samples per second of the simulated eye tracker.
        size_px: Side of the network picture.
        width: Width of both encoders.
        embed_dim: Dimensions of the shared space.
        batch_size: Films in a batch.
        learning_rate: Peak learning rate.
        version: The program's version.
    """

    conditions: tuple[str, ...] = tuple(condition.name for condition in CONDITIONS)
    budgets: tuple[int, ...] = (150, 600)
    seeds: int = 5
    train: int = 640
    validation: int = 24
    test: int = 320
    first_seed: int = 500_001
    reading_seed: int = 0
    rate_hz: float = 120.0
    size_px: int = 112
    width: int = 64
    embed_dim: int = 64
    batch_size: int = 24
    learning_rate: float = 1.5e-3
    version: str = version("egma")

    def __post_init__(self) -> None:
        """Refuse a plan that compares nothing.

        Raises:
            ConfigError: There is no budget, no seed or no film, a condition is unknown, or one is there without its baseline.
        """
        known = {condition.name: condition for condition in CONDITIONS}
        for name in self.conditions:
            if name not in known:
                raise ConfigError(f"There is no condition {name}.", f"Choose from: {', '.join(known)}.")
            if known[name].baseline not in self.conditions:
                raise ConfigError(f"The condition {name} is compared with {known[name].baseline}, which is left out.", "Add it.")
        if not self.budgets or min(self.budgets) < 1 or list(self.budgets) != sorted(set(self.budgets)):
            raise ConfigError(
                f"The budgets {list(self.budgets)} are no steps.", "Give different numbers in ascending order, as in 150,600."
            )
        if self.seeds < 1 or min(self.train, self.test) < 2:
            raise ConfigError("A study needs at least one seed, and two films to train and to test on.", "Give larger numbers.")

    @classmethod
    def quick(cls) -> StudyPlan:
        """A taste: few conditions, one small budget, two seeds, half the films."""
        return cls(conditions=QUICK, budgets=(100,), seeds=2, train=240, validation=8, test=160)

    def record(self) -> dict[str, Any]:
        """The plan as plain values, with every condition's full configuration (of its first run) and every parameter of the readers."""
        return {
            "plan": {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()},
            "readers": {reader.name: {**asdict(reader), "model": _plain(reader.model)} for reader in self.readers},
            "configurations": {c.name: to_mapping(self.config(RunPlan(c.name, c.reader, self.budgets[0], 0))) for c in self.chosen},
        }

    @property
    def hash(self) -> str:
        """Hexadecimal SHA-256 of `record`."""
        return hashlib.sha256(json.dumps(self.record(), sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    @property
    def chosen(self) -> tuple[Condition, ...]:
        """The conditions, in the order of the table."""
        return tuple(condition for condition in CONDITIONS if condition.name in self.conditions)

    @property
    def readers(self) -> tuple[ReaderVariant, ...]:
        """The reader variants that are needed."""
        needed = {condition.reader for condition in self.chosen} | {USUAL.name}
        return tuple(reader for reader in READERS if reader.name in needed)

    @property
    def runs(self) -> tuple[RunPlan, ...]:
        """Every run, seed by seed and budget by budget, so that an unfinished study is complete for its first seeds."""
        return tuple(
            RunPlan(condition.name, condition.reader, budget, seed)
            for seed in range(self.seeds)
            for budget in self.budgets
            for condition in self.chosen
            if budget == self.budgets[0] or not condition.short_only
        )

    def phantom_seeds(self) -> dict[Split, range]:
        """The phantoms' seeds of each split; the ranges do not meet."""
        validation = self.first_seed + self.train
        test = validation + self.validation
        return {
            "train": range(self.first_seed, validation),
            "validation": range(validation, test),
            "test": range(test, test + self.test),
        }

    def config(self, run: RunPlan) -> TrainingConfig:
        """The training configuration of one run."""
        base = TrainingConfig(
            model=ModelConfig(
                vision=VisionConfig(size_px=self.size_px, width=self.width),
                text=TextConfig(width=self.width, layers=1),
                embed_dim=self.embed_dim,
            ),
            data=DataConfig(shift=0.07, brightness=0.2),
            optim=OptimConfig(steps=run.budget, batch_size=self.batch_size, learning_rate=self.learning_rate),
            seed=run.seed,
            device="cpu",
            threads=1,
            evaluate_every=NEVER,
            checkpoint_every=NEVER,
            keep=1,
        )
        condition = condition_named(run.condition)
        values = to_mapping(base)
        values["loss"].update(condition.loss)
        values["data"].update(condition.data)
        return from_mapping(TrainingConfig, values)


@dataclass(frozen=True)
class RunPlan:
    """One training: a condition at a budget with a seed."""

    condition: str
    reader: str
    budget: int
    seed: int

    @property
    def name(self) -> str:
        """The run's name, for its folder and its result."""
        return f"{self.condition}-{self.budget}-{self.seed}"


def condition_named(name: str) -> Condition:
    """The condition of a name."""
    return next(condition for condition in CONDITIONS if condition.name == name)


def _plain(model: ReaderModel) -> dict[str, Any]:
    values = {f.name: getattr(model, f.name) for f in fields(model)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
