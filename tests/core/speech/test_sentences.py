from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egma_core.speech.sentences import normalise_sentence, split_sentences


@pytest.mark.parametrize(
    ("report", "sentences"),
    [
        ("", ()),
        ("   \n ", ()),
        ("Heart is enlarged. No effusion.", ("Heart is enlarged", "No effusion.")),
        ("1. Heart is enlarged. 2. No effusion.", ("Heart is enlarged", "No effusion.")),
        ("FINDINGS:\r\nClear lungs.\r\nNormal heart", ("FINDINGS: Clear lungs", "Normal heart")),
        ("Clear  lungs.\nNormal   heart.", ("Clear lungs", "Normal heart.")),
        ("A 3.5 cm mass", ("A 3.5 cm mass",)),
        ("Opacity in zone 3. Normal heart", ("Opacity in zone", "Normal heart")),
        ("1.Heart normal", ("eart normal",)),
        ("No change... Clear", ("No change..", "Clear")),
        ("Left\ufffd\ufffdeffusion", ("Left effusion",)),
        ("\u2014. Clear", ("Clear",)),
    ],
)
def test_reports_are_split_by_the_published_rule(report: str, sentences: tuple[str, ...]) -> None:
    assert split_sentences(report) == sentences


@pytest.mark.parametrize(
    ("sentence", "tokens"),
    [
        ("No effusion.", "no effusion ."),
        ("Heart: 16.5 cm (enlarged)", "heart : 16 . 5 cm ( enlarged )"),
        ("Na\u00efve caf\u00e9 \u2014 end", "nave caf end"),
        ("x-ray", "x - ray"),
        ("\u2014", ""),
    ],
)
def test_a_model_is_given_lower_case_ascii_tokens(sentence: str, tokens: str) -> None:
    assert normalise_sentence(sentence) == tokens


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("aB1. \n\u00e9-\ufffd(\u0130"), max_size=40))
def test_every_sentence_is_readable_and_has_a_token(text: str) -> None:
    for sentence in split_sentences(text):
        assert sentence == " ".join(sentence.split())
        assert normalise_sentence(sentence)
        assert normalise_sentence(normalise_sentence(sentence)) == normalise_sentence(sentence)


@settings(deadline=None)
@given(st.lists(st.from_regex(r"[A-Z][a-z]{1,8}( [a-z]{1,8}){0,4}", fullmatch=True), min_size=1, max_size=6))
def test_plain_sentences_come_back_as_they_were_joined(sentences: list[str]) -> None:
    assert split_sentences(". ".join(sentences)) == tuple(sentences)
