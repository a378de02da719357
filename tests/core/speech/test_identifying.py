"""What in a report may tell who somebody is: names, dates, numbers; and what of radiology's own words does not."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egma_core.speech.identifying import suspicions
from egma_core.synthetic.phrases import sayings


def picked(text: str) -> list[tuple[str, str]]:
    return [(s.kind, text[s.start : s.end]) for s in suspicions(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Discussed with Dr. Smith.", [("name", "Smith")]),
        ("discussed with doctor smith", [("name", "smith")]),
        ("seen by mr thompson", [("name", "thompson")]),
        ("Images of Mrs Anna O'Brien were compared.", [("name", "Anna O'Brien")]),
        ("Findings told to nurse Joy.", [("name", "Joy")]),
        ("The patient Miller has a nodule.", [("name", "Miller")]),
        ("the patient's name is john", [("name", "john")]),
        ("Compared with the film from Springfield.", [("name", "Springfield")]),
        ("John Smith has a small effusion.", [("name", "John Smith")]),
        ("Name: Müller, no effusion.", [("name", "Müller")]),
        ("DOE^JANE chest", [("name", "DOE^JANE")]),
        ("Compared to 03/12/2021, no change.", [("date", "03/12/2021")]),
        ("compared to 2021-03-12", [("date", "2021-03-12")]),
        ("compared with the study of 3.12.21", [("date", "3.12.21")]),
        ("as on March 3, 2021 already", [("date", "March 3, 2021")]),
        ("as on the third of march already", [("date", "third of march")]),
        ("since the 12th of May 2020", [("date", "12th of May 2020")]),
        ("stable since march 2019", [("date", "march 2019")]),
        ("dob 1950", [("date", "1950")]),
        ("Please call 555-123-4567 at once.", [("contact", "555-123-4567")]),
        ("call (555) 123 4567", [("contact", "(555) 123 4567")]),
        ("call 555-1234", [("contact", "555-1234")]),
        ("call +44 20 7946 0958", [("contact", "+44 20 7946 0958")]),
        ("Write to jane.doe@example.org please", [("contact", "jane.doe@example.org")]),
        ("compared with 123456", [("number", "123456")]),
        ("accession AB12345", [("number", "AB12345")]),
        ("MRN 482 again", [("number", "482")]),
        ("the patient of room 12", [("number", "12")]),
        ("number four eight two one nine", [("number", "four eight two one nine")]),
        ("A 93 year old woman.", [("number", "93")]),
        ("a man aged 101", [("number", "101")]),
    ],
)
def test_what_may_tell_who_it_is_is_picked_out(text: str, found: list[tuple[str, str]]) -> None:
    assert picked(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "The heart is normal in size. The lungs are clear.",
        "Kerley B lines and a Swan-Ganz catheter; the PICC tip is at T6, a Chilaiditi's sign below.",
        "FINDINGS: Lungs are clear. IMPRESSION: No acute process.",
        "1. Right pleural effusion. 2. Left basal atelectasis.",
        "A 12 x 15 mm nodule, 3.5 cm above the 5th rib, in 2 of 3 zones, 95%.",
        "The opacity in the right upper lobe may 2 to 3 weeks later have cleared.",
        "It may be 4 mm; the second of two nodules.",
        "Unchanged since 2019.",
        "The doctor was informed; dr to review.",
        "A 72-year-old man, aged 45 at the first film.",
        "Heart rate 120, pH 7.35, between 1000-2000 ml.",
        "no pneumothorax",
        "Endotracheal tube 4 cm above the carina, NG tube in the stomach.",
        "",
    ],
)
def test_radiology_s_own_words_are_left_alone(text: str) -> None:
    assert picked(text) == []


def test_what_simulated_readers_say_names_nobody() -> None:
    assert not [said for reader in ("A", "B") for said in sayings(reader) if suspicions(said)]


def test_reasons_do_not_repeat_what_was_found() -> None:
    text = "Dr. Smith called 555-123-4567 on March 3, 2021 about MRN 998877."
    found = suspicions(text)
    assert [s.kind for s in found] == ["name", "contact", "date", "number"]
    assert all(text[s.start : s.end].lower() not in s.reason.lower() and s.reason for s in found)


@given(st.text(max_size=60))
def test_any_text_gives_stretches_in_order(text: str) -> None:
    found = suspicions(text)
    assert all(0 <= s.start < s.end <= len(text) for s in found)
    assert all(a.end <= b.start for a, b in pairwise(found))
