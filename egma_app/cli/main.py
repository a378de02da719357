"""The `egma` command with all its parts."""

from __future__ import annotations

from egma_app.cli import ablation, benchmarks, evaluation, gaze, library, model, program
from egma_app.cli.command import egma

for command in (
    program.demo,
    program.app,
    library.import_,
    library.record,
    library.process,
    gaze.fixations,
    model.train,
    evaluation.evaluate,
    model.predict,
    ablation.ablate,
    library.export,
    program.doctor,
    benchmarks.bench,
):
    egma.add_command(command)

main = egma
