"""`egma evaluate`: the figures of a run or checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from egma_app.cli.command import FILE, FOLDER, PATH, bar, json_option, print_json, stages
from egma_core.errors import ConfigError

if TYPE_CHECKING:
    from egma_core.evaluation.grounding import Normalisation
    from egma_core.evaluation.report import Report
    from egma_core.inference.bank import ClassScore
    from egma_core.inference.predictor import Predictor
    from egma_core.inference.prompts import PromptSet

SECONDS = {"overlap": 1.0, "zero-shot": 2.0, "gaze": 6.0, "retrieval": 3.0, "linear probe": 5.0, "grounding": 4.0}
"""The parts, with about the time each takes: the progress bar's weights."""

OF_SPLIT = ("manifest", "split", "prompts", "gaze", "retrieval", "boxes", "overlap_of", "tolerance")
"""Options that a protocol leaves no room for."""


@click.command()
@click.argument("run", type=PATH)
@click.option("--manifest", type=FILE, help="The examples; by default those that the run was trained from.")
@click.option("--split", type=click.Choice(["train", "validation", "test"]), default="test", show_default=True, help="What to report on.")
@click.option(
    "--prompts", help="A prompt set: a TOML file, or the name of one of the program's own; by default the one that names most labels."
)
@click.option(
    "--centre/--no-centre",
    default=None,
    help="Take each prompt's score relative to its mean over the run's validation films, whose labels are not looked at. "
    "By default so, except in a protocol.",
)
@click.option("--gaze/--no-gaze", default=True, show_default=True, help="Also compare with the readers' gaze.")
@click.option("--retrieval", is_flag=True, help="Also find reports and sentences by films, and films by them.")
@click.option("--probe", is_flag=True, help="Also fit linear probes on 1, 10 and 100 % of the labels.")
@click.option("--boxes", type=FILE, help="Also ground phrases in boxes: a CSV with film, phrase, label, x, y, w, h (or MS-CXR's columns).")
@click.option(
    "--overlap-of",
    type=click.Choice(["minmax", "cosine"]),
    default="minmax",
    show_default=True,
    help="With --boxes: overlap is of the map brought to 0..1 on each film, or of the cosines as they are.",
)
@click.option(
    "--tolerance",
    type=click.FloatRange(min=0),
    default=0.0,
    show_default=True,
    help="With --boxes: how many pixels beside a box pointing may be.",
)
@click.option(
    "--protocol", help="Instead, run a protocol on a public data set: chexpert_5x200, chexpert_8x200, rsna, siim_acr, or a TOML file."
)
@click.option("--data", type=FOLDER, help="The folder of films that --protocol or --boxes refers to.")
@click.option("--labels", type=FILE, help="With --protocol: the data set's own CSV.")
@click.option(
    "--class-score",
    type=click.Choice(["mean", "ensemble", "max"]),
    help="A class's score: the mean of its sentences' scores (the default), the score of their mean embedding (as protocols have it), "
    "or the best sentence's score (as the paper's release has it).",
)
@click.option("--device", default="cpu", show_default=True, help="A torch device, such as cuda.")
@click.option(
    "--allow-overlap",
    is_flag=True,
    help="Report even on films or patients that the model was trained or validated on; the report then says so.",
)
@json_option
@click.pass_context
def evaluate(context: click.Context, run: Path, protocol: str | None, as_json: bool, **chosen: Any) -> None:
    """Figures of a run or checkpoint, with intervals, baselines and controls.

    By default: zero-shot classification and agreement with the readers' gaze, on the test split, which model selection
    never sees. Other films (--manifest, --boxes with --data, --protocol) are first compared with what the model, and those it was
    started from, were trained and validated on.
    """
    from egma_app.cli.figures import lines_of

    if protocol is not None:
        _refuse_misplaced(context, OF_SPLIT, "in a protocol, which says itself what is done")
    elif chosen["boxes"] is None:
        _refuse_misplaced(context, ("overlap_of", "tolerance"), "without --boxes")
    report = _of_split(run, **chosen) if protocol is None else _of_protocol(run, protocol, **chosen)
    if as_json:
        print_json(report.to_json())
        return
    for line in lines_of(report):
        click.echo(line)


def _of_split(
    run: Path,
    *,
    manifest: Path | None,
    split: str,
    prompts: str | None,
    centre: bool | None,
    gaze: bool,
    retrieval: bool,
    probe: bool,
    boxes: Path | None,
    overlap_of: Normalisation,
    tolerance: float,
    data: Path | None,
    labels: Path | None,
    class_score: ClassScore | None,
    allow_overlap: bool,
    device: str,
) -> Report:
    from egma_core.evaluation.boxes import read_boxes
    from egma_core.evaluation.report import Plan
    from egma_core.evaluation.report import evaluate as evaluated
    from egma_core.examples.manifest import Manifest
    from egma_core.examples.splits import named_split

    if labels is not None or (data is not None and boxes is None):
        raise ConfigError("--data and --labels belong to a protocol.", "Name one with --protocol, or leave them out.")
    named = named_split(split)
    assert named is not None
    plan = Plan(
        split=named,
        prompts=None if prompts is None else prompt_set(prompts),
        gaze=gaze,
        retrieval=retrieval,
        probe=probe,
        boxes=None if boxes is None else read_boxes(boxes),
        boxes_folder=data,
        normalisation=overlap_of,
        tolerance_px=tolerance,
        allow_overlap=allow_overlap,
    )
    predictor = _predictor(run, device, class_score or "mean")
    examples = Manifest.load(manifest or predictor.checkpoint.parent.parent / "manifest.json")
    reference, notes = _centred(predictor, demanded=centre is True) if centre in (None, True) else (0, ())
    wanted = {"gaze": gaze, "retrieval": retrieval, "linear probe": probe, "grounding": boxes is not None}
    with stages({part: weight for part, weight in SECONDS.items() if wanted.get(part, True)}) as progress:
        report = evaluated(predictor, examples, plan, reference_films=reference, progress=progress)
    return replace(report, notes=(*notes, *report.notes))


def _of_protocol(
    run: Path,
    name: str,
    *,
    data: Path | None,
    labels: Path | None,
    centre: bool | None,
    probe: bool,
    class_score: ClassScore | None,
    allow_overlap: bool,
    device: str,
    **_of_split: object,
) -> Report:
    from egma_core.evaluation.protocol_report import evaluate_protocol
    from egma_core.evaluation.protocols import load_protocol
    from egma_core.evaluation.report import Report

    protocol = load_protocol(name)
    if data is None or labels is None:
        raise ConfigError(f"{protocol.name} needs the data set.", "Give --data FOLDER with its films and --labels FILE, its own CSV.")
    predictor = _predictor(run, device, class_score or protocol.class_score)
    reference, notes = _centred(predictor, demanded=True) if centre else (0, ())
    with bar(protocol.name) as progress:
        found = evaluate_protocol(predictor, protocol, labels, data, probe=probe, allow_overlap=allow_overlap, progress=progress)
    return Report.about(predictor, reference, notes=(*notes, *found.notes), protocol=found)


def _predictor(run: Path, device: str, class_score: ClassScore) -> Predictor:
    from egma_core.inference.packages import unusable

    try:
        from egma_core.inference.predictor import Predictor
    except ImportError as error:
        raise unusable(error, "Evaluation") from error
    return Predictor(run, device, class_score=class_score)


def _centred(predictor: Predictor, *, demanded: bool) -> tuple[int, tuple[str, ...]]:
    """Take scores relative to the run's validation films; how many there are, and what to say of it.

    Raises:
        ConfigError: It was demanded, and none of them is there.
    """
    from egma_core.inference.reference import lacking_films, reference_films

    films, lacking = reference_films(predictor.checkpoint), lacking_films(predictor.checkpoint)
    if demanded and not films:
        raise ConfigError(
            f"Scores cannot be taken relative to the run's validation films: {lacking}.",
            "Bring them to where the manifest has them, or leave out --centre.",
        )
    predictor.centre_on(predictor.encode_many(films))
    if not lacking:
        return len(films), ()
    how = f"relative to {len(films)} other films" if films else "plain, and not relative to their mean over validation films"
    return len(films), (f"Scores are {how}, since {lacking}; they do not compare with those of an evaluation that had them.",)


def _refuse_misplaced(context: click.Context, names: Sequence[str], why: str) -> None:
    """Refuse options that were given and would have no effect.

    Raises:
        ConfigError: One was.
    """
    for name in names:
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            option = next(parameter for parameter in context.command.params if parameter.name == name)
            spelling = option.secondary_opts[0] if option.secondary_opts and not context.params[name] else option.opts[0]
            raise ConfigError(f"{spelling} has no meaning {why}.", "Leave it out.")


def prompt_set(name: str) -> PromptSet:
    """A prompt set by its file or, for one of the program's own, its name."""
    from egma_core.inference.prompts import builtin, load_prompts

    return load_prompts(Path(name)) if name.endswith(".toml") else builtin(name)
