from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egma_core.speech.letter_to_sound import pronounce
from egma_core.speech.lexicon import PHONES
from egma_core.speech.spoken import bare, tokens


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("No pleural effusion.", "no pleural effusion"),
        ("3.5 cm above the carina", "three point five centimeters above the carina"),
        ("a 12 mm nodule", "a twelve millimeters nodule"),
        ("3x4 cm", "three by four centimeters"),
        ("5 × 6", "five by six"),
        ("about 30%", "about thirty percent"),
        ("Mr. Smith and Dr. Jones", "mister smith and doctor jones"),
        ("PA and lateral", "p. a. and lateral"),
        ("an ET tube", "an e. t. tube"),
        ("a PICC line, ECMO", "a picc line ecmo"),
        ("COPD", "c. o. p. d."),
        ("NO PNEUMOTHORAX IS SEEN", "no pneumothorax is seen"),
        ("T4 vertebra", "t. four vertebra"),
        ("the 8th rib, 21st, 30th", "the eighth rib twenty first thirtieth"),
        ("in 2019, 2004 and 1905", "in twenty nineteen two thousand four and nineteen oh five"),
        ("1,250 ml", "one thousand two hundred fifty milliliters"),
        ("0.05", "zero point zero five"),
        ("24.11.2026", "twenty four eleven twenty twenty six"),
        ("cold-hearted / mid- to lower", "cold hearted mid to lower"),
        ("the patient's heart", "the patient's heart"),
        ("the patient\u2019s", "the patient's"),
        ("na\u00efve \u2014 caf\u00e9", "naive cafe"),
        ("007", "zero zero seven"),
    ],
)
def test_how_a_text_is_said(written: str, said: str) -> None:
    assert " ".join(word for token in tokens(written) for word in token.spoken) == said


def test_a_token_keeps_its_text_and_a_dash_says_nothing() -> None:
    found = tokens("Heart, \u2013 normal.")
    assert [(token.text, token.spoken, bare(token)) for token in found] == [
        ("Heart,", ("heart",), "Heart"),
        ("\u2013", (), "\u2013"),
        ("normal.", ("normal",), "normal"),
    ]


@given(st.text(max_size=60))
def test_any_text_has_its_tokens(text: str) -> None:
    found = tokens(text)
    assert [token.text for token in found] == text.split()
    assert all(word and word == word.lower() and not word.isspace() for token in found for word in token.spoken)


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=500), min_size=1, max_size=30))
def test_any_word_has_a_pronunciation(word: str) -> None:
    phones = pronounce(word).split()
    assert phones
    assert PHONES.issuperset(phones)


@pytest.mark.parametrize(
    ("word", "phones"),
    [("spiration", "S P ER AE SH AH N"), ("phlox", "F L AA K S"), ("bronchitis", "B R AA N K AY T IH S"), ("xeno", "Z EH N OW")],
)
def test_letters_say_what_they_usually_say(word: str, phones: str) -> None:
    assert pronounce(word) == phones
