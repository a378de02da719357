"""An evaluation's report in lines for a person: every figure with its interval, and what chance or a simpler way would give."""

from __future__ import annotations

import math
from collections.abc import Iterator

from egma_core.evaluation.gaze_agreement import MAPS, MEASURES, GazeAgreement
from egma_core.evaluation.grounding import Grounding
from egma_core.evaluation.metrics import Estimate
from egma_core.evaluation.probe import LinearProbe
from egma_core.evaluation.protocol_report import ProtocolReport
from egma_core.evaluation.report import Report
from egma_core.evaluation.retrieval import DEPTHS, Ranking
from egma_core.evaluation.zero_shot import ZeroShot

WORDS = {
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro F1",
    "matthews": "Matthews' correlation",
    "macro_auroc": "AUROC, mean of classes",
    "macro_average_precision": "AUPRC, mean of classes",
    "shuffled_auc": "shuffled AUC",
    "nss": "NSS",
    "auc_judd": "AUC-Judd",
    "cc": "CC",
    "shuffled_cc": "CC - CC elsewhere",
    "sim": "SIM",
    "kl": "KL, low is good",
    "ig": "IG, bits",
    "cnr": "contrast to noise",
    "absolute_cnr": "its absolute value",
    "miou": "overlap (IoU), mean",
    "pointing": "pointing",
    "energy": "energy in the boxes",
    "box_share": "share of the film in boxes",
}

COLUMNS = {
    "swapped_film": "other film",
    "shuffled_sentence": "other sentence",
    "centre_bias": "anywhere usual",
    "other_reader": "other reader",
}
"""Maps that stand beside the model's: the sentence on another film, another sentence on the film, where readers look on any
film, and where another reader of this film looked."""

Interval = tuple[float, float] | list[float] | None


def lines_of(report: Report) -> Iterator[str]:
    """The whole report."""
    relative = f"; scores are relative to their mean over {report.reference_films} validation films" if report.reference_films else ""
    yield f"Checkpoint {report.checkpoint}{relative}. Intervals redraw patients."
    yield from (f"Note: {note}" for note in report.notes)
    if report.zero_shot is not None:
        yield from _zero_shot(report.zero_shot)
    if report.gaze_agreement is not None:
        yield from _gaze(report.gaze_agreement)
    if report.retrieval is not None:
        yield from _ranking("retrieval of reports", report.retrieval.reports)
        yield from _ranking("retrieval of single sentences", report.retrieval.sentences)
    if report.linear_probe is not None:
        yield from _probe(report.linear_probe)
    if report.grounding is not None:
        yield from _grounding(report.grounding)
    if report.protocol is not None:
        yield from _protocol(report.protocol)


def _line(name: str, value: float, interval: Interval = None, beside: str = "") -> str:
    shown = f"  {name:30} {_number(value)}"
    if interval is not None and all(math.isfinite(x) for x in interval):
        shown += f"  95 % interval {_number(interval[0])} to {_number(interval[1])}"
    return f"{shown}  {beside}".rstrip()


def _number(value: float) -> str:
    return f"{value:6.3f}" if math.isfinite(value) else "     -"


def _zero_shot(found: ZeroShot) -> Iterator[str]:
    yield f"zero-shot ({found.split}): {found.n} films of one class among {len(found.classes)}, {found.n_labelled} labelled films"
    yield _line("accuracy", found.accuracy, found.ci95, f"naming the commonest class: {found.chance:.3f}" if found.n else "")
    occurring = max(1, int((found.confusion.sum(axis=1) > 0).sum()))
    known = [share for share, area in zip(found.prevalence, found.average_precision, strict=True) if math.isfinite(area)]
    beside = {
        "balanced_accuracy": f"one answer for everything: {1 / occurring:.3f}",
        "macro_f1": f"naming the commonest class: {found.majority_f1:.3f}" if found.n else "",
        "matthews": "one answer for everything: 0",
        "macro_auroc": "blind: 0.500",
        "macro_average_precision": f"blind: {sum(known) / max(1, len(known)):.3f}",
    }
    for name, interval in found.intervals.items():
        yield _line(WORDS[name], getattr(found, name), interval, beside[name])
    if found.ranked_by == "difference":
        yield "  AUROC and AUPRC order films by the difference of the two classes' scores."
    if found.degenerate:
        yield "  ! One class was named for every film: accuracy and F1 say nothing about this model."
    width = max(len(name) for name in found.classes)
    yield f"  {'class':{width}}   AUROC   AUPRC  (blind)  named as, in the classes' order"
    for name, area, precision, blind, row in zip(
        found.classes, found.auroc, found.average_precision, found.prevalence, found.confusion.tolist(), strict=True
    ):
        yield f"  {name:{width}}  {_number(area)}  {_number(precision)} ({_number(blind).strip()})  {' '.join(f'{n:4}' for n in row)}"
    if found.prompts_seen_in_training:
        yield f"  ! {len(found.prompts_seen_in_training)} prompts occur word for word among the training sentences."


def _gaze(found: GazeAgreement) -> Iterator[str]:
    yield f"agreement with gaze ({found.split}): {found.n_sentences} sentences; chance is 0.5 of the shuffled AUC, 0 of NSS and CC"
    yield _line("shuffled AUC", found.shuffled_auc, found.ci95)
    yield _line("  less that on another film", found.own_minus_swapped.value, found.own_minus_swapped.ci95)
    yield _line("  less that of other sentence", found.own_minus_shuffled.value, found.own_minus_shuffled.ci95)
    others = [name for name in MAPS if name != "model" and any(found.measures[name][m].n for m in MEASURES)]
    yield f"  {'':18}{'this model':>10}  {'95 % interval':18}{'by film':>10}" + "".join(f"{COLUMNS[name]:>15}" for name in others)
    for measure in MEASURES:
        own = found.measures["model"][measure]
        beside = "".join(f"{_number(found.measures[name][measure].value):>15}" for name in others)
        yield f"  {WORDS[measure]:18}{_number(own.value):>10}  {_range(own):18}{_number(found.per_image[measure].value):>10}{beside}"


def _range(estimate: Estimate) -> str:
    return f"{estimate.ci95[0]:.3f} to {estimate.ci95[1]:.3f}" if estimate.n else "-"


def _ranking(title: str, found: Ranking) -> Iterator[str]:
    yield f"{title}: {found.n_images} films, {found.n_texts} texts"
    for way, words in (("i2t", "film finds text"), ("t2i", "text finds film")):
        for name in (*(f"p{k}" for k in DEPTHS), *(f"recall{k}" for k in DEPTHS), "mrr"):
            label = f"P@{name[1:]}" if name.startswith("p") else f"recall@{name[6:]}" if name.startswith("recall") else "MRR"
            beside = f"random order: {found.chance[way]:.3f}" if name.startswith("p") and math.isfinite(found.chance[way]) else ""
            yield _line(f"{words}, {label}", found.figures[f"{way}_{name}"], found.intervals.get(f"{way}_{name}"), beside)


def _probe(found: LinearProbe) -> Iterator[str]:
    yield (
        f"linear probe ({found.split}): {len(found.labels)} labels, {found.n} films; "
        f"{found.n_train} to train on, {found.n_validation} to choose the penalty on"
    )
    for share in found.shares:
        beside = f"{share.n_films:g} films" + (f", SD over draws {share.deviation:.3f}" if math.isfinite(share.deviation) else "")
        yield _line(f"AUROC, {100 * share.share:g} % of patients", share.macro_auroc, share.ci95, beside)
    if any(share.share < 1 for share in found.shares):
        yield (
            "  ! Shares are of the training labels. The penalty is chosen on the labels of all "
            f"{found.n_validation} validation films, so the rows below 100 % use more labels than their share."
        )


def _grounding(found: Grounding) -> Iterator[str]:
    missing = f"; {found.n_missing} phrases' films were not at hand" if found.n_missing else ""
    yield f"phrase grounding: {found.n_phrases} phrases of {len(found.by_label)} findings on {found.n_films} films{missing}"
    share = found.macro["box_share"].value
    for name, estimate in found.macro.items():
        beside = f"blind: {share:.3f}" if name in ("pointing", "energy") else ""
        if name == "miou":
            beside = f"cut at 0.1 to 0.5 of {'the map brought to 0..1' if found.normalisation == 'minmax' else 'the cosine'}"
        yield _line(WORDS[name], estimate.value, estimate.ci95, beside)
    width = max(len(label) for label in found.by_label)
    yield f"  {'finding':{width}}      n     CNR    mIoU  pointing"
    for label, figures in found.by_label.items():
        row = "  ".join(_number(figures[name]) for name in ("cnr", "miou", "pointing"))
        yield f"  {label:{width}}  {found.n_by_label[label]:5}  {row}"


def _protocol(found: ProtocolReport) -> Iterator[str]:
    counts = ", ".join(f"{name} {n}" for name, n in found.n_by_class.items())
    yield f"{found.name}: {found.n_selected} films selected from {found.n_rows} lines; at hand: {counts}"
    if found.n_missing:
        yield f"  ! {found.n_missing} selected films were not found, so the figures are not the protocol's."
    if found.zero_shot is not None:
        yield from _zero_shot(found.zero_shot)
    if found.retrieval is not None:
        yield from _ranking("retrieval by class", found.retrieval)
    if found.linear_probe is not None:
        yield from _probe(found.linear_probe)
    yield "beside published figures, in percent:"
    for row in found.comparisons:
        interval = f" ({row.ci95[0]:.2f} to {row.ci95[1]:.2f})" if row.ci95 is not None and all(map(math.isfinite, row.ci95)) else ""
        theirs = ", ".join(f"{model} {value:.2f}" for model, value in row.published.items())
        yield f"  {row.task.replace('_', ' ')}, {row.figure}: ours {row.ours:.2f}{interval}; {theirs}"
    if found.caution:
        yield f"  {found.caution}"
