from __future__ import annotations

from pathlib import Path

import pytest

from egma_core.assets import resource
from egma_core.errors import SpeechError
from egma_core.speech.lexicon import PHONES, Lexicon, radiology
from egma_core.synthetic.findings import FINDINGS


def test_the_list_of_radiology_is_large_sorted_and_sound() -> None:
    lines = [line for line in resource("lexicon", "radiology.dict").read_text(encoding="utf-8").splitlines() if not line.startswith(";;;")]
    words = [line.split()[0] for line in lines]
    assert len(words) == len(set(words))
    assert words == sorted(words)
    lexicon = radiology().pronunciations
    assert len(lexicon) >= 500
    for word, ways in lexicon.items():
        assert word.isascii()
        assert word.isalpha()
        assert word.islower()
        assert len(ways) == len(set(ways)), word
        for way in ways:
            phones = way.split()
            assert PHONES.issuperset(phones), word
            # Not a rule of phonetics, but slips of the pen break it: a word has a vowel, and about a phone a letter.
            assert any(phone[0] in "AEIOU" for phone in phones), word
            assert 0.5 * len(word) <= len(phones) <= 1.3 * len(word) + 1 or len(word) < 6, word


def test_it_has_what_a_general_dictionary_lacks() -> None:
    pocketsphinx = pytest.importorskip("pocketsphinx")
    with Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict")).open(encoding="utf-8") as file:
        general = {line.split()[0] for line in file}
    ours = radiology().pronunciations
    assert sum(word not in general for word in ours) > 500
    for word in {word for finding in FINDINGS for word in finding.split()} | {"costophrenic", "hemidiaphragm", "mediastinum", "lingula"}:
        assert word in general or word in ours, word


@pytest.mark.parametrize(
    "line", ["hilum", "hilum HH AY L QQ", "hilum hh ay l", "two words HH AY", "hilum(2) HH AY L AH M", "a A1", "(2) AA"]
)
def test_a_line_that_is_none_is_named(line: str, tmp_path: Path) -> None:
    (tmp_path / "own.dict").write_text(f";;; mine\nlung L AH NG\n{line}\n", encoding="utf-8")
    with pytest.raises(SpeechError, match="Line 3"):
        Lexicon.read(tmp_path / "own.dict")


def test_other_ways_to_say_a_word_are_kept_in_order(tmp_path: Path) -> None:
    (tmp_path / "own.dict").write_text("foci F OW S AY\nfoci(2) F OW K AY\n", encoding="utf-8")
    assert Lexicon.read(tmp_path / "own.dict").pronunciations == {"foci": ("F OW S AY", "F OW K AY")}
    with pytest.raises(SpeechError, match="cannot be read"):
        Lexicon.read(tmp_path / "none.dict")
