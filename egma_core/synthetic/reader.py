"""A simulated reader: for a phantom, what is said and when, and where the eyes rest meanwhile.

It stands in for a radiologist in tests, demos and ablations, on the way a person's reading takes too: the looks go to a simulated eye
tracker, the sentences to the recorder. The eyes lead the voice, wander off, and sometimes miss what is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from egma_core.geometry import Rect
from egma_core.speech.sentences import Sentence
from egma_core.synthetic.anatomy import SIDE
from egma_core.synthetic.films import Phantom
from egma_core.synthetic.findings import FINDINGS, Finding, FindingName
from egma_core.synthetic.phrases import ReaderName, deny, say


@dataclass(frozen=True)
class ReaderModel:
    """How the simulated reader looks and speaks. Values without a source are assumptions, set so that films vary as readings do.

    Attributes:
        lead_s: Mean time from the first look at a thing to the sentence about it. Speakers begin to look at what they name
            a little less than a second before they name it (Griffin & Bock 2000, Psychological Science 11, 274-279). Among
            radiologists who dictate it varies widely (Ganapathi et al. 2016, arXiv 1607.06878).
        lead_sd_s: Its standard deviation.
        leave_s: How long before the end of a sentence the eyes move on; the pause between two sentences follows from it.
        word_s: Time a word takes: 0.3 s, 200 words a minute, a brisk dictation.
        survey_s: Looking around before the first sentence.
        fixation_s: Mean duration of a fixation; 0.26 to 0.33 s in scene viewing, 0.18 to 0.275 s in search (Rayner 2009,
            Quarterly Journal of Experimental Psychology 62, 1457-1506).
        fixation_sd_s: Its standard deviation; durations are log-normal.
        saccade_s: Time between two fixations, a saccade of several degrees (about 0.03 to 0.05 s, Rayner 2009).
        dispersion: Standard deviation of looks around the middle of a thing, as a share of its width and height; could not be sourced.
        dispersion_px: The least standard deviation, in image pixels; could not be sourced.
        elsewhere: Share of looks that rest on neither the thing spoken of nor anything in particular; could not be sourced.
        missed: Share of findings, each by itself, that are overlooked. No source gives it per finding: day-to-day error rates of
            radiologists are put at 3 to 5 % of studies (Brady 2017, Insights into Imaging 8, 171-182), and near 30 % where only
            abnormal films are counted (Berlin 2014, Diagnosis 1, 79-84).
        unlocated: Share of sentences that name a finding without saying where it is.
        ungraded: Share of sentences that name a finding without saying how large or severe it is.
        denials: Least and most sentences that say something is absent.
    """

    lead_s: float = 0.85
    lead_sd_s: float = 0.2
    leave_s: float = 0.5
    word_s: float = 0.3
    survey_s: float = 0.8
    fixation_s: float = 0.28
    fixation_sd_s: float = 0.10
    saccade_s: float = 0.04
    dispersion: float = 0.22
    dispersion_px: float = 9.0
    elsewhere: float = 0.2
    missed: float = 0.04
    unlocated: float = 0.3
    ungraded: float = 0.25
    denials: tuple[int, int] = (1, 3)


SOURCES: Mapping[str, str] = {
    "lead_s": "eyes before the voice, s; Griffin & Bock 2000; among dictating radiologists it varies widely (Ganapathi et al. 2016)",
    "lead_sd_s": "its standard deviation, s; assumption",
    "leave_s": "eyes move on before a sentence ends, s; follows from lead_s and a pause of 0.35 s",
    "word_s": "time a word takes, s; 200 words a minute, assumption",
    "survey_s": "looking around first, s; assumption",
    "fixation_s": "mean fixation, s; Rayner 2009",
    "fixation_sd_s": "its standard deviation, s; assumption",
    "saccade_s": "time between fixations, s; Rayner 2009",
    "dispersion": "spread of looks, share of the finding's size; could not be sourced",
    "dispersion_px": "least spread, px of a 512 px film; could not be sourced",
    "elsewhere": "share of looks elsewhere; could not be sourced",
    "missed": "findings missed; could not be sourced per finding; of studies 3 to 5 % (Brady 2017), 30 % of abnormal (Berlin 2014)",
    "unlocated": "share of sentences without place words; assumption",
    "ungraded": "share of sentences without severity; assumption",
    "denials": "sentences that deny a finding, least and most; assumption",
}
"""Each parameter of `ReaderModel` in a few words, with its source: Griffin & Bock 2000, Psychological Science 11, 274-279; Ganapathi et
al. 2016, arXiv 1607.06878; Rayner 2009, Quarterly Journal of Experimental Psychology 62, 1457-1506; Brady 2017, Insights into Imaging
8, 171-182; Berlin 2014, Diagnosis 1, 79-84."""


@dataclass(frozen=True)
class Look:
    """One resting of the eyes.

    Attributes:
        onset_s: Start, in seconds since the reading's start.
        offset_s: End, in seconds since the reading's start.
        x_px: Where, in image pixels.
        y_px: Where, in image pixels.
    """

    onset_s: float
    offset_s: float
    x_px: float
    y_px: float


@dataclass(frozen=True)
class Statement:
    """One sentence and what it claims.

    Attributes:
        sentence: The sentence, of origin `simulated`.
        name: The finding it speaks of.
        finding: The finding itself, or None where the sentence says it is absent.
    """

    sentence: Sentence
    name: FindingName
    finding: Finding | None


@dataclass(frozen=True)
class Script:
    """A whole reading, ready to be played to a recorder.

    Attributes:
        statements: What is said, in order.
        looks: Where the eyes rest, in order, without overlap.
        duration_s: When the reader signs off, in seconds since the reading's start.
    """

    statements: tuple[Statement, ...]
    looks: tuple[Look, ...]
    duration_s: float


def read_film(phantom: Phantom, reader: ReaderName, *, seed: int = 0, model: ReaderModel = ReaderModel()) -> Script:
    """Read one phantom: name every finding that is noticed, in random order, then deny a few others.

    Words and eyes are drawn apart: readers who differ only in how they look say the same sentences.

    Args:
        phantom: The film.
        reader: Whose phrases are used.
        seed: Another seed is another reading of the same film.
        model: How the reader looks and speaks.
    """
    rng = np.random.default_rng((phantom.seed, seed, 3))
    eyes = _Eyes(model, np.random.default_rng((phantom.seed, seed, 4)))
    eyes.rest_on(phantom.usual_places("edema"), until_s=model.survey_s)
    statements: list[Statement] = []
    silent_s = 0.0
    for name, finding in _topics(phantom, model, rng):
        onset = max(eyes.free_s + eyes.lead_s(), silent_s + 0.15)
        text = _text(name, finding, reader, model, rng)
        silent_s = onset + model.word_s * len(text.split()) * rng.uniform(0.85, 1.15)
        statements.append(Statement(Sentence(text, onset, silent_s, "simulated"), name, finding))
        places = phantom.usual_places(name) if finding is None or finding.zone == "lungs" else (finding.box,)
        eyes.rest_on(places, until_s=max(onset, silent_s - model.leave_s))
    return Script(tuple(statements), tuple(eyes.looks), max(silent_s, eyes.free_s) + 0.2)


def _topics(phantom: Phantom, model: ReaderModel, rng: np.random.Generator) -> list[tuple[FindingName, Finding | None]]:
    """What is spoken of: the findings noticed, then some that the reader believes absent."""
    noticed = [finding for finding in phantom.findings if rng.random() >= model.missed]
    named = {finding.name for finding in noticed}
    absent = [name for name in FINDINGS if name not in named]
    n_denials = min(int(rng.integers(model.denials[0], model.denials[1] + 1)), len(absent))
    denied = rng.permutation(len(absent))[:n_denials]
    spoken = [noticed[index] for index in rng.permutation(len(noticed))]
    return [(finding.name, finding) for finding in spoken] + [(absent[index], None) for index in denied]


def _text(name: FindingName, finding: Finding | None, reader: ReaderName, model: ReaderModel, rng: np.random.Generator) -> str:
    if finding is None:
        return deny(name, reader, rng)
    return say(finding, reader, rng, located=rng.random() >= model.unlocated, graded=rng.random() >= model.ungraded)


class _Eyes:
    """The eyes as they move on through a reading; `free_s` is when the next look can begin."""

    def __init__(self, model: ReaderModel, rng: np.random.Generator) -> None:
        self.looks: list[Look] = []
        self.free_s = 0.0
        self._model = model
        self._rng = rng
        variance = np.log1p((model.fixation_sd_s / model.fixation_s) ** 2)
        self._log_mean, self._log_sd = np.log(model.fixation_s) - variance / 2, np.sqrt(variance)

    def lead_s(self) -> float:
        """How long the next thing will be looked at before it is spoken of."""
        return max(0.0, self._rng.normal(self._model.lead_s, self._model.lead_sd_s))

    def rest_on(self, places: tuple[Rect, ...], *, until_s: float) -> None:
        """Fixate around the given boxes, now and then elsewhere, at least once and until the given time."""
        while True:
            duration = float(np.clip(self._rng.lognormal(self._log_mean, self._log_sd), 0.1, 0.9))
            x, y = self._aim(places)
            self.looks.append(Look(self.free_s, self.free_s + duration, x, y))
            self.free_s += duration + self._model.saccade_s
            if self.free_s >= until_s:
                return

    def _aim(self, places: tuple[Rect, ...]) -> tuple[float, float]:
        if self._rng.random() < self._model.elsewhere:
            x, y = self._rng.uniform(0.1 * SIDE, 0.9 * SIDE, 2)
            return float(x), float(y)
        place = places[int(self._rng.integers(len(places)))]
        spread = np.maximum(self._model.dispersion * np.array([place.width, place.height]), self._model.dispersion_px)
        middle = ((place.left + place.right) / 2, (place.top + place.bottom) / 2)
        x, y = np.clip(self._rng.normal(middle, spread), 1.0, SIDE - 1.0)
        return float(x), float(y)
