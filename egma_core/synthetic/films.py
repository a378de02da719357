"""Phantom chest films: a seed gives a patient with findings, and the film taken of them.

The film carries everything a model must learn to see through: build, stance, exposure, grain, uneven background, and leads,
lines and clips that nobody mentions. None of it depends on the findings. An L at the patient's left betrays any flip.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from egma_core.geometry import Rect
from egma_core.synthetic.anatomy import SIDE, Anatomy, random_anatomy
from egma_core.synthetic.findings import FINDINGS, Finding, FindingName, random_findings, usual_places
from egma_core.synthetic.hardware import hardware, mark_left
from egma_core.synthetic.layers import Layers, normal_layers, smooth_noise, trunk
from egma_core.synthetic.lesions import paint

BITS_STORED = 12


@dataclass(frozen=True)
class Phantom:
    """One phantom patient; the film is drawn on demand, always the same for the same seed.

    Attributes:
        seed: Seed of everything about the patient and the film.
        anatomy: The build of the chest.
        findings: What is wrong with it.
    """

    seed: int
    anatomy: Anatomy
    findings: tuple[Finding, ...]

    @property
    def labels(self) -> tuple[FindingName, ...]:
        """Names of the findings, in the order of class labels."""
        present = {finding.name for finding in self.findings}
        return tuple(name for name in FINDINGS if name in present)

    def usual_places(self, name: FindingName) -> tuple[Rect, ...]:
        """Image boxes where a reader of this film looks for a finding."""
        return usual_places(name, self.anatomy)

    @property
    def healthy_anatomy(self) -> Anatomy:
        """The chest as it was before any finding: cardiomegaly is a change of it."""
        return random_anatomy(np.random.default_rng((self.seed, 0)))

    def without(self, name: FindingName) -> Phantom:
        """The same patient on the same film, with everything but one finding.

        Exposure, grain, hardware and every other finding stay as they are, since each finding is drawn by random numbers of its own;
        so the film differs only where the finding was drawn. An enlarged heart goes back to the size it had, the others' places stay.
        """
        anatomy = self.healthy_anatomy if name == "cardiomegaly" else self.anatomy
        return replace(self, anatomy=anatomy, findings=tuple(finding for finding in self.findings if finding.name != name))

    def pixels(self) -> NDArray[np.uint16]:
        """The film: (SIDE, SIDE) uint16, 12 bits stored, high values bright."""
        rng = np.random.default_rng((self.seed, 1))
        layers = normal_layers(self.anatomy, rng)
        for finding in self.findings:
            paint(layers, finding, self.anatomy, np.random.default_rng((self.seed, 2, FINDINGS.index(finding.name))))
        return _expose(layers, self.anatomy, rng)


def make_phantom(seed: int, *, share: float = 0.3, only: FindingName | None = None) -> Phantom:
    """A patient with random findings.

    Args:
        seed: Decides everything; different seeds are different patients.
        share: Probability of each finding.
        only: Give the patient exactly this finding instead.
    """
    rng = np.random.default_rng((seed, 0))
    anatomy = random_anatomy(rng)
    names: list[FindingName] = [only] if only else [name for name in FINDINGS if rng.random() < share]
    return Phantom(seed, *random_findings(anatomy, names, rng))


def _expose(layers: Layers, anatomy: Anatomy, rng: np.random.Generator) -> NDArray[np.uint16]:
    """Sum the layers, add what else is on the film, and digitise."""
    depth = layers.tissue + layers.bone
    depth -= np.float32(0.30) * layers.air
    depth += np.float32(0.09) * layers.vessels * np.minimum(layers.air, np.float32(1))
    depth += np.float32(0.52)
    depth *= trunk(layers, anatomy)
    depth += hardware(rng)
    depth += np.float32(0.02) * smooth_noise(rng, 3)
    top = (1 << BITS_STORED) - 1
    steps = np.clip(depth * np.float32(1.15 * top) + np.float32(0.05 * top), 0, top).astype(np.int32)
    tone = rng.uniform(0.9, 1.05) * np.linspace(0.0, 1.0, top + 1) ** rng.uniform(0.80, 1.25) + rng.uniform(0.0, 0.05)
    film = tone.astype(np.float32)[steps]
    film += np.float32(rng.uniform(0.010, 0.028)) * rng.standard_normal((SIDE, SIDE), dtype=np.float32)
    mark_left(film, rng)
    return (np.clip(film, 0.0, 1.0) * np.float32(top) + np.float32(0.5)).astype(np.uint16)
