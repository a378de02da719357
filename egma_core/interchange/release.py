"""What may leave a library: texts that name nobody or were looked at by a person, readings whose readers agree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from egma_core.errors import PrivacyError
from egma_core.speech.identifying import Suspicion, suspicions
from egma_core.speech.sentences import Sentence, normalise_sentence
from egma_core.store.store import Store
from egma_core.store.values import ReportSentence

_NAMED = 10


@dataclass(frozen=True)
class Passage:
    """A text that may leave a library.

    Attributes:
        place: Where it stands, in words that tell nothing of it: "reading 4, sentence 2".
        text: The text.
    """

    place: str
    text: str


@dataclass(frozen=True)
class Suspect:
    """A passage that may tell who somebody is.

    Attributes:
        passage: The passage.
        found: What in it may.
    """

    passage: Passage
    found: tuple[Suspicion, ...]

    def __str__(self) -> str:
        """Its place and what kinds of things were found, without the text itself."""
        return f"{self.passage.place} ({', '.join(dict.fromkeys(suspicion.kind for suspicion in self.found))})"


def marked(suspect: Suspect) -> str:
    """The text of a suspect with what was found in brackets, for the eyes of whoever looks it through."""
    text, end, parts = suspect.passage.text, 0, list[str]()
    for found in suspect.found:
        parts += [text[end : found.start], "[", text[found.start : found.end], "]"]
        end = found.end
    return "".join([*parts, text[end:]])


def reading_passages(reading_id: int, sentences: Iterable[Sentence], origins: Sequence[str] | None = None) -> Iterator[Passage]:
    """The sentences of a reading, or those of some origins; simulated readers name nobody and are left out."""
    for n, sentence in enumerate(sentences, start=1):
        if _counts(sentence.origin, origins):
            yield Passage(f"reading {reading_id}, sentence {n}", sentence.text)


def report_passages(
    study_id: int, sentences: Iterable[ReportSentence | Sentence], origins: Sequence[str] | None = None
) -> Iterator[Passage]:
    """The sentences that came with a study, or those of some origins."""
    for n, sentence in enumerate(sentences, start=1):
        if _counts(sentence.origin, origins):
            yield Passage(f"study {study_id}, sentence {n} of its report", sentence.text)


def _counts(origin: str, origins: Sequence[str] | None) -> bool:
    return origin != "simulated" and (origins is None or origin in origins)


def library_passages(store: Store) -> Iterator[Passage]:
    """Every text of a library that an export could take: those of used readings as they count now, and those of studies.

    Raises:
        StoreError: The library cannot be read.
    """
    for reading in store.readings(states=("complete", "recovered")):
        yield from reading_passages(reading.id, [s for s in store.sentences(reading.id) if normalise_sentence(s.text)])
    for study in store.studies():
        yield from report_passages(study.id, [s for s in store.report(study.id) if normalise_sentence(s.text)])


def suspects(passages: Iterable[Passage]) -> tuple[Suspect, ...]:
    """The passages that may tell who somebody is, in the order given."""
    return tuple(Suspect(passage, found) for passage in passages if (found := suspicions(passage.text)))


def require_innocent(passages: Iterable[Passage]) -> None:
    """Refuse to let passages out of which one may tell who somebody is; the message names places, never the texts.

    Raises:
        PrivacyError: There are such passages.
    """
    found = suspects(passages)
    if not found:
        return
    places = "; ".join(str(suspect) for suspect in found[:_NAMED])
    more = f"; and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    raise PrivacyError(
        f"{len(found)} {'text' if len(found) == 1 else 'texts'} may tell who somebody is: {places}{more}.",
        "Look at them (egma export check-text --show) and mend them, or let them out as they are (--allow-text, allow_text).",
    )


def keep_here(store: Store) -> str:
    """What whoever makes something of a library's texts on this machine should know, in words; "" where there is nothing to say.

    Raises:
        StoreError: The library cannot be read.
    """
    n = len(suspects(library_passages(store)))
    if not n:
        return ""
    texts = "1 text of the library" if n == 1 else f"{n} texts of the library"
    return f"{texts} may tell who somebody is (egma export check-text): keep what is made of them on this machine."


def readers_who_refuse(store: Store) -> frozenset[str]:
    """Names of the readers who refused or withdrew their consent: nothing of theirs leaves the library."""
    asked = ((reader.name, store.consent(reader.name)) for reader in store.readers())
    return frozenset(name for name, consent in asked if consent is not None and not consent.given)


def require_consent(store: Store, reader: str, scopes: Sequence[str]) -> None:
    """Refuse to let out what a reader did not agree to; a reader who was never asked is the sender's own business.

    Args:
        store: The library.
        reader: The reader's name.
        scopes: What the export needs: members of `CONSENT_SCOPES`.

    Raises:
        PrivacyError: The reader's consent does not cover it.
    """
    consent = store.consent(reader)
    missing = [] if consent is None else [scope for scope in scopes if not consent.covers(scope)]
    if missing:
        words = {"gaze": "that gaze is recorded", "voice": "that the voice is recorded", "sharing": "that recordings are shared"}
        what = ", nor ".join(words[scope] for scope in missing)
        raise PrivacyError(f"The reader of this reading did not agree {what}, or not any more.", "Leave it in the library.")


def must_stay_private(store: Store, reader: str) -> bool:
    """Whether a reader was asked and did not agree that recordings are shared with others."""
    consent = store.consent(reader)
    return consent is not None and not consent.covers("sharing")
