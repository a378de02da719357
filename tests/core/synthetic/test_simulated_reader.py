"""The simulated reader: what is said is so, the eyes go before the voice, and the two readers never say the same sentence."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egma_core.geometry import Rect
from egma_core.inference.prompts import builtin
from egma_core.speech.sentences import normalise_sentence, split_sentences
from egma_core.synthetic.anatomy import SIDE
from egma_core.synthetic.films import make_phantom
from egma_core.synthetic.findings import FINDINGS
from egma_core.synthetic.phrases import ReaderName, names_place, say, sayings
from egma_core.synthetic.reader import Look, ReaderModel, read_film

READERS: tuple[ReaderName, ...] = ("A", "B")


def words(sentences: frozenset[str] | list[str]) -> set[str]:
    return {word for sentence in sentences for word in normalise_sentence(sentence).split()}


def plain(sentences: frozenset[str] | list[str]) -> set[str]:
    """Sentences without case and punctuation."""
    return {normalise_sentence(sentence).rstrip(" .") for sentence in sentences}


def on(box: Rect, look: Look, margin: float) -> bool:
    return box.left - margin <= look.x_px <= box.right + margin and box.top - margin <= look.y_px <= box.bottom + margin


def test_a_reading_is_the_same_each_time_and_another_with_another_seed() -> None:
    phantom = make_phantom(5)
    assert read_film(phantom, "A") == read_film(phantom, "A")
    assert read_film(phantom, "A") != read_film(phantom, "A", seed=1)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from(READERS))
def test_sentences_and_looks_come_in_order_without_overlap(seed: int, reader: ReaderName) -> None:
    script = read_film(make_phantom(seed), reader)
    spoken = [statement.sentence for statement in script.statements]
    assert spoken
    for before, after in itertools.pairwise(spoken):
        assert before.offset_s < after.onset_s
    assert all(sentence.onset_s < sentence.offset_s and sentence.origin == "simulated" for sentence in spoken)
    for before, after in zip(script.looks, script.looks[1:], strict=False):
        assert before.onset_s < before.offset_s < after.onset_s
    assert all(0 <= look.x_px <= SIDE and 0 <= look.y_px <= SIDE for look in script.looks)
    assert script.duration_s > max(spoken[-1].offset_s, script.looks[-1].offset_s)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from(READERS))
def test_what_is_said_is_so(seed: int, reader: ReaderName) -> None:
    phantom = make_phantom(seed)
    script = read_film(phantom, reader, model=ReaderModel(missed=0.0))
    named = [statement.finding for statement in script.statements if statement.finding]
    assert sorted(finding.name for finding in named) == sorted(phantom.labels)
    assert named == [statement.finding for statement in script.statements[: len(named)]]
    for statement in script.statements:
        said = normalise_sentence(statement.sentence.text).split()
        assert statement.sentence.text in sayings(reader)
        if statement.finding is None:
            assert statement.name not in phantom.labels
            assert "no" in said or "normal" in said
        else:
            assert "no" not in said
            wrong_side = {"left": "right", "right": "left", None: "left"}[statement.finding.side]
            assert wrong_side not in said
            assert {"upper", "mid", "lower"} & set(said) <= {statement.finding.zone}


def test_a_reader_who_misses_everything_names_nothing() -> None:
    script = read_film(make_phantom(3, share=1.0), "A", model=ReaderModel(missed=1.0))
    assert all(statement.finding is None for statement in script.statements)


def test_readings_are_about_as_long_as_real_ones() -> None:
    scripts = [read_film(make_phantom(seed), "A") for seed in range(200)]
    assert np.mean([len(script.statements) for script in scripts]) == pytest.approx(4.3, abs=0.4)
    assert 8 < np.mean([script.duration_s for script in scripts]) < 12.5
    durations = [look.offset_s - look.onset_s for script in scripts for look in script.looks]
    assert np.mean(durations) == pytest.approx(ReaderModel().fixation_s, rel=0.05)


def test_the_eyes_lead_the_voice() -> None:
    """Before a sentence begins, and while it is said, most looks rest on what it names; the first comes about a lead earlier."""
    leads: list[float] = []
    hits: list[bool] = []
    for seed in range(120):
        script = read_film(make_phantom(seed, only="nodule"), "B", model=ReaderModel(missed=0.0))
        statement = script.statements[0]
        assert statement.finding is not None
        box, onset = statement.finding.box, statement.sentence.onset_s
        hit = [on(box, look, 12.0) for look in script.looks]
        first = next((look for look, is_hit in zip(script.looks, hit, strict=True) if is_hit), None)
        if first is not None:
            leads.append(onset - first.onset_s)
        hits += [is_hit for look, is_hit in zip(script.looks, hit, strict=True) if onset - 0.5 < look.onset_s < onset + 0.3]
    assert np.median(leads) == pytest.approx(ReaderModel().lead_s, abs=0.25)
    assert np.mean(hits) == pytest.approx(1 - ReaderModel().elsewhere, abs=0.1)


def test_a_denial_is_looked_for_where_it_would_be() -> None:
    hits = [
        any(on(place, look, 15.0) for place in phantom.usual_places(statement.name))
        for phantom in (make_phantom(seed, share=0.0) for seed in range(60))
        for script in [read_film(phantom, "A")]
        for statement in script.statements
        for look in script.looks
        if statement.sentence.onset_s - 0.3 < look.onset_s < statement.sentence.onset_s
    ]
    assert np.mean(hits) > 0.65


def test_some_sentences_leave_out_where_and_how_large() -> None:
    rng = np.random.default_rng(0)
    finding = make_phantom(1, only="consolidation").findings[0]
    located = [say(finding, "A", rng, located=True, graded=True) for _ in range(20)]
    bare = [say(finding, "A", rng, located=False, graded=False) for _ in range(20)]
    assert all(finding.side in text and finding.zone in text for text in located)
    assert not words(bare) & {"left", "right", "upper", "mid", "lower", "small", "moderate", "large"}


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        ("There is a nodule in the left upper zone.", True),
        ("Edema is seen in both lungs.", True),
        ("An apical pneumothorax is present.", True),
        ("There is a consolidation in the right base.", True),
        ("The heart is mildly enlarged.", False),
        ("I see a pleural effusion.", False),
        ("A hilar mass is seen.", False),
    ],
)
def test_some_words_tell_where_to_look(sentence: str, told: bool) -> None:
    assert names_place(sentence) is told


def test_the_readers_share_words_but_no_sentence() -> None:
    assert not plain(sayings("A")) & plain(sayings("B"))
    assert words(sayings("B")) <= words(sayings("A"))


@pytest.mark.parametrize("reader", READERS)
def test_every_saying_is_one_sentence(reader: ReaderName) -> None:
    for text in sayings(reader):
        assert split_sentences(text) == (text,)
        assert "  " not in text
        assert "{" not in text
        assert text[0].isupper()


def test_training_readings_use_the_whole_vocabulary() -> None:
    """So no word of reader B, nor of a prompt, is unknown to a model trained on a few hundred readings of reader A."""
    heard = words([statement.sentence.text for seed in range(150) for statement in read_film(make_phantom(seed), "A").statements])
    assert heard == words(sayings("A"))


def test_prompts_are_of_known_words_but_nobodys_sentences() -> None:
    prompts = builtin("phantom").prompts
    assert tuple(prompts) == FINDINGS
    every = [text for texts in prompts.values() for text in texts]
    assert words(every) <= words(sayings("A"))
    assert not plain(every) & plain(sayings("A") | sayings("B"))
    assert len({len(texts) for texts in prompts.values()}) == 1
