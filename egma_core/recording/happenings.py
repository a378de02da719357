"""What has happened in a reading and is not written yet, handed on in order of time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from egma_core.gaze.samples import GazeSamples
from egma_core.gaze.viewport import Viewport
from egma_core.store.values import AudioChunk, HeardWord, Notification, RawBatch, SpokenSentence, TextEdit

T = TypeVar("T")


class Happenings:
    """Lists that fill as things happen, each entry with its moment on the host clock."""

    def __init__(self, viewports: Iterable[Viewport] = ()) -> None:
        """Begin with what is on the screen already."""
        self.viewports = list(viewports)
        self.sentences: list[SpokenSentence] = []
        self.notifications: list[Notification] = []
        self.edits: list[TextEdit] = []
        self.words: list[HeardWord] = []

    def take(self, samples: GazeSamples, audio: Sequence[AudioChunk], until_ns: int | None) -> RawBatch:
        """Take out what has happened by `until_ns` (None: all of it), in order of time, with all of these samples and this audio."""
        return RawBatch(
            samples,
            _taken(self.viewports, lambda viewport: viewport.host_ns, until_ns),
            _taken(self.sentences, lambda sentence: sentence.offset_ns, until_ns),
            _taken(self.notifications, lambda notification: notification.host_ns, until_ns),
            tuple(audio),
            _taken(self.edits, lambda edit: edit.host_ns, until_ns),
            _taken(self.words, lambda word: word.offset_ns, until_ns),
        )


def _taken(pending: list[T], moment: Callable[[T], int], until_ns: int | None) -> tuple[T, ...]:
    if not pending:
        return ()
    pending.sort(key=moment)
    n = len(pending) if until_ns is None else bisect_right(pending, until_ns, key=moment)
    taken = tuple(pending[:n])
    del pending[:n]
    return taken
