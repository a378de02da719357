"""What a study's report says in words. What depends on the figures, or on where they are from, is computed from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from egma_core.ablation.comparisons import PRIMARY, Comparison
from egma_core.ablation.outcomes import GROUPS
from egma_core.ablation.plan import StudyPlan, condition_named
from egma_core.ablation.provenance import Origin
from egma_core.ablation.statistics import CONFIDENCE, Interval
from egma_core.ablation.summary import Summary

MARK = "\\*"
"""Behind a difference whose interval excludes zero."""

REFERENCES = (
    "Griffin & Bock 2000, Psychological Science 11, 274-279. Ganapathi et al. 2016, arXiv 1607.06878. "
    "Rayner 2009, Quarterly Journal of Experimental Psychology 62, 1457-1506. Brady 2017, Insights into Imaging 8, 171-182. "
    "Berlin 2014, Diagnosis 1, 79-84. The readers of the test films are always the usual ones."
)

SHORT_NOTE = (
    "*Seen*: how much more often a sentence's best patch lies on its finding than on the same film with only that finding taken away. "
    "*− other films*: than on films that lack the finding, at the same pixels. *− other sentence*: than the best patch of a sentence about "
    "another finding of the same film. These two, plain pointing: sentences without place words. The two oracles show what the measures "
    "give to a cheat: a good model needs both *seen* and *− other sentence*. Means over seeds [95 % interval of Student's t]."
)

CAUTIONS = (
    "That gaze of the right sentences beats gaze of other sentences proves little: wrong gaze teaches to look in the wrong place, and can "
    "be worse than none. The comparison that counts is with no gaze. Simulated readers on drawn films say nothing about radiologists."
)

BY_FINDING = (
    "No gaze → 100 % gaze: means over seeds, and the difference, question by question, with its interval over seeds and films (for AUROC "
    "over seeds). Cardiomegaly and edema have one place only, and edema's box is most of both lungs: words alone point there."
)


def introduction(plan: StudyPlan, summary: Summary, command: str) -> str:
    """What was asked of what, and how much of it is done."""
    seeds = sorted({seed for row in summary.rows for seed in row.seeds})
    text = (
        f"The same small model, trained for {_budgets(plan)} steps on {plan.train} phantom films that simulated readers read, with and "
        f"without their gaze, {_counted(len(seeds), 'seed')} each; figures on {summary.films} other films. Made by "
        f"`{command}`."
    )
    if summary.finished < summary.of:
        text += f" **Not finished: {summary.finished} of {summary.of} runs.** What follows is over the finished ones."
    return text


def primary(found: Comparison | None) -> str:
    """The primary comparison in one sentence."""
    names = (condition_named(name).title for name in (PRIMARY.condition, PRIMARY.baseline))
    what = f"**Primary comparison**, named in the program ({' minus '.join(names)}; {PRIMARY.metric.title}; largest budget"
    if found is None:
        return f"{what}): not finished yet."
    seeds = _counted(found.over_seeds.n, "seed")
    return (
        f"{what}, {found.budget} steps): {difference(found.over_films_too)} over {seeds} and {found.films} films ({found.questions} "
        f"sentences), both drawn anew; {difference(found.over_seeds)} over seeds alone. "
        f"{_verdict(found.over_films_too, found.over_seeds)} Every other difference here is exploratory."
    )


def measures(summary: Summary) -> Iterator[str]:
    """What each figure is, over how many sentences, and what chance gives."""
    without, located = (summary.questions[name] for name in GROUPS)
    yield (
        "**Pointing.** A sentence about a finding is right if its best patch lies on the finding's true box (a cell lies on a box if it "
        "covers at least half of what the best-placed cell covers of it). Sentences with place words say where the finding is; those "
        "without say nothing of it. Pointing alone can be had from words, so it is compared with three controls, at the same box:"
    )
    yield (
        "- *same film without it*, the headline: the same phantom drawn again with that one finding not painted, and anatomy, exposure, "
        "grain, hardware and other findings left as they are, shown through the same window. For cardiomegaly the heart has the size that "
        "it had before it grew. Whoever knows anatomy and words, and not the finding, gets 0 here.\n"
        "- *other films*: all test films without that finding. The box stays at its pixels while the other film has another build and "
        "stance, so that knowing anatomy and words is worth something here (see the first oracle).\n"
        "- *other sentence*: sentences of the same kind about the other findings of the same film. Whoever points at anything abnormal "
        "gets 0 here (the second oracle). Boxes that overlap, as edema's does with most, make this a little too small."
    )
    yield (
        f"Without and with place words: {without['n']} and {located['n']} sentences, of which {without['n_removed']} and "
        f"{located['n_removed']} have a film without the finding, {without['n_swapped']} and {located['n_swapped']} other films, "
        f"{without['n_other']} and {located['n_other']} another sentence. A random patch is right in {share(without['chance'])} and "
        f"{share(located['chance'])} of them, and has 0 in every difference."
    )
    yield (
        "**Recognition.** AUROC: mean over the findings, from prompts that nobody said in training; chance 0.5. Retrieval P@1: a report's "
        f"own film scores highest of all {summary.films} test films; chance {share(1 / summary.films)}. Shuffled AUC: the map at this "
        "sentence's fixations against other films' fixations; chance 0.5."
    )
    yield (
        f"**Intervals.** Means over seeds have the {100 * CONFIDENCE:.0f} % interval of Student's t. A seed decides the first weights, the "
        "order of the films, their variation, and whose gaze a dose uses; the films are the same, so these intervals say nothing about "
        "other films. Where seeds and films are said to be drawn anew, both are (a crossed bootstrap), which so few seeds make somewhat "
        "too narrow. A figure that is over fewer seeds than its line says tells its n."
    )


def provenance(summary: Summary, origin: Origin) -> Iterator[str]:
    """Where the figures are from, as far as it can be told from the study's folder and the program's files."""
    runs = (
        f"All {summary.of} runs of the plan are in it."
        if summary.finished == summary.of
        else f"{summary.finished} of the plan's {summary.of} runs are in it."
    )
    yield (
        f"**Origin.** {runs} Each run's last checkpoint is judged. Plan {origin.plan[:12]}: this hash is over the conditions with their "
        "full configurations, the budgets, seeds and films' numbers, every parameter of the readers, and the program's version number. It "
        "is not over the code that draws, reads, trains and judges: of that, "
        f"{_sources(origin.program)} {_judged_by(origin)}"
    )


def count_of_differences(summary: Summary) -> str:
    """How many differences stand out, and how many would by chance."""
    found = list(summary.all_differences())
    if not found:
        return "There are too few seeds for intervals of the differences."
    above = sum(interval.low > 0 for interval in found)
    below = sum(interval.high < 0 for interval in found)
    return (
        f"Of the {len(found)} exploratory differences of means below, {above} have an interval above zero and {below} one below it (marked "
        f"{MARK}). Were there no difference anywhere, about {(1 - CONFIDENCE) * len(found):.0f} would be marked by chance: single "
        "marks prove little."
    )


def losses(plan: StudyPlan) -> str:
    """What the table of losses is."""
    films = f"{plan.validation} validation films"
    text = f"Each term without its weight, on the {films}, mean over seeds; a dash where a condition leaves the term out."
    if len(plan.budgets) > 1:
        text += (
            " Where a term falls from one budget to the next, the smaller one has not converged, and the larger one may not have; where it "
            "rises, training on did not help it on other films."
        )
    return text


def readers(plan: StudyPlan) -> str:
    """Why the readers' parameters are printed."""
    return (
        "Whoever writes the simulator can decide the result. So every parameter is given with its source, where there is one, and some are "
        f"varied one at a time, at 100 % gaze and {plan.budgets[0]} steps. Where a source counts studies and the parameter findings, it is "
        "no source of the value."
    )


def setting(plan: StudyPlan) -> str:
    """The films, the model, and how its sizes were chosen."""
    splits = plan.phantom_seeds()
    films = ", ".join(f"{len(seeds)} {split} (phantoms {seeds.start} to {seeds.stop - 1})" for split, seeds in splits.items())
    doses = ", ".join(f"{dose} % is about {dose * plan.train / 100:.0f} films" for dose in (1, 5, 10))
    return (
        f"Films: {films}; each finding is present with probability 0.3. Test films are read by another reader, who says no sentence of the "
        f"training films' reader. Gaze doses: {doses}. Model: the `tiny` encoders {plan.width} wide, {plan.size_px} px, {plan.embed_dim} "
        f"dimensions shared; batches of {plan.batch_size}, AdamW with a peak learning rate of {plan.learning_rate:g}, one cosine for each "
        "budget. All loss terms have weight 1 unless a row says otherwise; without gaze means fine-grained contrast, mapping without gaze "
        "and global contrast. The gaze loss is averaged over the films that have gaze, except where a row says that it is divided by all "
        "films. The recipe's sizes (films, steps, widths, learning rate) were set by hand on pilot films of other phantoms, looking at the "
        "conditions no gaze and 100 % gaze."
    )


def plain(value: Any) -> str:
    """A parameter."""
    return " to ".join(f"{v:g}" for v in value) if isinstance(value, tuple) else f"{value:g}"


def number(value: float) -> str:
    """A figure, or a dash where it is undefined."""
    return f"{value:.3f}" if np.isfinite(value) else "–"


def share(value: float | None) -> str:
    """A figure that may not be there."""
    return "–" if value is None else f"{value:.3f}"


def difference(interval: Interval) -> str:
    """A difference with its interval, where it has one."""
    if not np.isfinite(interval.low):
        return f"{interval.mean:+.3f}" if np.isfinite(interval.mean) else "–"
    return f"{interval.mean:+.3f} [{interval.low:+.3f}, {interval.high:+.3f}]"


def _verdict(*intervals: Interval) -> str:
    """What the intervals say together; one that holds zero is enough to leave it open."""
    if not all(np.isfinite(interval.low) for interval in intervals):
        return "Too few seeds for an interval."
    if all(interval.low > 0 for interval in intervals):
        return "Both intervals lie above zero: on such films gaze helps by this measure."
    if all(interval.high < 0 for interval in intervals):
        return "Both intervals lie below zero: on such films gaze harms by this measure."
    return "An interval holds zero: this study does not tell."


def _counted(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _budgets(plan: StudyPlan) -> str:
    return " or ".join(str(budget) for budget in plan.budgets)


def _sources(program: Mapping[str, str]) -> str:
    at = f", commit {program['commit'][:12]}" if "commit" in program else ""
    return f"the program that wrote this report has version {program['egma']}{at} and sources whose hash begins {program['code'][:12]}."


def _judged_by(origin: Origin) -> str:
    n = len(origin.judged_by)
    if n > 1:
        return f"**The results were judged by {n} different states of program, prompts and questions**; ablation.json tells which."
    state = origin.judged_by[0]
    same = "those sources" if state["code"] == origin.program["code"] else f"other sources ({state['code'][:12]})"
    return f"Every result was judged by {same}, with the same questions, and with prompts whose hash begins {state['prompts'][:12]}."
