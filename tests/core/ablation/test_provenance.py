"""Where a report's figures are from."""

from __future__ import annotations

from egma_core.ablation.provenance import Origin, prompts_hash
from egma_core.model.code import code_version


def test_every_different_state_that_judged_is_told() -> None:
    state = {"questions": "q", "prompts": prompts_hash({"nodule": ("a nodule",)}), "code": "s"}
    other = {**state, "prompts": prompts_hash({"nodule": ("one nodule",)})}
    results = {"a": {"judged_by": state}, "b": {"judged_by": dict(state)}, "c": {"judged_by": other}}
    origin = Origin.of({"hash": "h"}, results, "egma ablate")
    assert (origin.plan, len(origin.judged_by)) == ("h", 2)
    assert origin.to_json()["program"] == code_version()
