"""What made a study's figures: the program's code when it judged and when it reported, the prompts and the questions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from egma_core.model.code import code_version


def prompts_hash(prompts: Mapping[str, tuple[str, ...]]) -> str:
    """Hexadecimal SHA-256 of the findings with their prompts."""
    return hashlib.sha256(json.dumps({name: list(own) for name, own in prompts.items()}, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Origin:
    """Where a report's figures are from.

    Attributes:
        command: The command that makes them.
        plan: Hexadecimal hash of the study's plan, as it was written when the study was begun.
        program: The program now: `egma` its version, `code` the hash of its sources, and `commit` where it is known.
        judged_by: Every different state of `questions`, `prompts` and `code`, all hashes, that results were judged by.
    """

    command: str
    plan: str
    program: Mapping[str, str]
    judged_by: tuple[Mapping[str, str], ...]

    @classmethod
    def of(cls, record: Mapping[str, Any], results: Mapping[str, Mapping[str, Any]], command: str) -> Origin:
        """The origin of a study's results, of which `record` is the note."""
        states = {json.dumps(result["judged_by"], sort_keys=True): result["judged_by"] for result in results.values()}
        return cls(command, str(record["hash"]), code_version(), tuple(states[key] for key in sorted(states)))

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"command": self.command, "program": dict(self.program), "judged_by": [dict(state) for state in self.judged_by]}
