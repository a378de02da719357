from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egma_core.dictation.writing import write_down
from egma_core.speech.alignment import spread_words
from egma_core.speech.transcript import Transcript


def written(text: str) -> list[str]:
    return [sentence.text for sentence in write_down(Transcript(spread_words(text, 0.0, 10.0), text, "test"))]


@pytest.mark.parametrize(
    ("heard", "sentences"),
    [
        ("No pleural effusion.", ["No pleural effusion."]),
        ("no pleural effusion", ["No pleural effusion."]),
        ("The heart is normal. No effusion.", ["The heart is normal.", "No effusion."]),
        ("the heart is normal full stop no effusion period", ["The heart is normal.", "No effusion."]),
        ("The heart is normal. Full stop. No effusion. Period.", ["The heart is normal.", "No effusion."]),
        ("no effusion comma no pneumothorax", ["No effusion, no pneumothorax."]),
        ("No effusion. Comma no pneumothorax.", ["No effusion, no pneumothorax."]),
        ("lungs are clear new line heart is normal", ["Lungs are clear.", "Heart is normal."]),
        ("is that a nodule question mark", ["Is that a nodule?"]),
        ("there is a new line in the right jugular vein", ["There is a new line in the right jugular vein."]),
        ("no change over a short period full stop", ["No change over a short period."]),
        ("Dr. Smith was told.", ["Dr. Smith was told."]),
        ("tube 3.5 cm above the carina,", ["Tube 3.5 cm above the carina."]),
        ("full stop", [""]),
        ("", []),
    ],
)
def test_spoken_punctuation_becomes_what_it_names(heard: str, sentences: list[str]) -> None:
    assert written(heard) == sentences


def test_each_sentence_keeps_its_words_and_those_of_its_marks() -> None:
    text = "heart normal full stop no effusion"
    words = spread_words(text, 0.0, 6.0)
    first, second = write_down(Transcript(words, text, "test"))
    assert [word.text for word in first.words] == ["heart", "normal", "full", "stop"]
    assert second.words == list(words[4:])


@given(
    st.lists(
        st.sampled_from(["heart", "period", "full", "stop", "comma", "a", "new", "line", "lungs.", "-", "3.5", "Dr.", "?"]), max_size=15
    )
)
def test_no_word_is_lost_or_told_twice(heard: list[str]) -> None:
    text = " ".join(heard)
    words = spread_words(text, 0.0, 5.0)
    sentences = write_down(Transcript(words, text, "test"))
    assert [word for sentence in sentences for word in sentence.words] == list(words)
    assert all(not sentence.text or sentence.text[-1] in ".?!" for sentence in sentences)
