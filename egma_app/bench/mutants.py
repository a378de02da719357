"""Broken films made of sound ones: bytes flipped, ends cut off, elements mislabelled, lengths and values made absurd, noise."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_LONG = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
_SHORT = (
    b"AE",
    b"AS",
    b"AT",
    b"CS",
    b"DA",
    b"DS",
    b"DT",
    b"FD",
    b"FL",
    b"IS",
    b"LO",
    b"LT",
    b"PN",
    b"SH",
    b"SL",
    b"SS",
    b"ST",
    b"TM",
    b"UI",
    b"UL",
    b"US",
)
_PIXELS = (0x7FE0, 0x0010)
_UNDEFINED = 0xFFFFFFFF


@dataclass(frozen=True)
class Element:
    """Where an element of a little-endian file lies.

    Attributes:
        tag: (group, element).
        start: Where its tag begins.
        length_at: Where its length stands.
        length_size: 2 or 4 bytes.
        value_at: Where its value begins.
        length: Bytes of its value.
    """

    tag: tuple[int, int]
    start: int
    length_at: int
    length_size: int
    value_at: int
    length: int

    def __str__(self) -> str:
        """The tag as DICOM writes it."""
        return f"({self.tag[0]:04X},{self.tag[1]:04X})"


@dataclass(frozen=True)
class Mutant:
    """A film that was broken.

    Attributes:
        kind: How.
        where: `header`, `pixels` (the pixel data's value) or `file` (all of it, or unknown).
        content: Its bytes.
        element: The element that was changed, such as "(0028,0010)", or "".
    """

    kind: str
    where: str
    content: bytes
    element: str = ""


def elements_of(content: bytes) -> list[Element]:
    """The top level's elements up to the pixel data; as many as can be told in a file that may be big endian or deflated."""
    place, found = 132 if content[128:132] == b"DICM" else 0, list[Element]()
    big_endian = b"1.2.840.10008.1.2.2\0" in content[:1024]
    while place + 8 <= len(content):
        group, number = struct.unpack_from("<HH", content, place)
        if big_endian and group != 2:
            break
        kind = content[place + 4 : place + 6]
        if kind in _LONG:
            at, size = place + 8, 4
        elif kind in _SHORT:
            at, size = place + 6, 2
        else:
            at, size = place + 4, 4
        if at + size > len(content):
            break
        length = int.from_bytes(content[at : at + size], "little")
        found.append(Element((group, number), place, at, size, at + size, length))
        if (group, number) == _PIXELS or length == _UNDEFINED or at + size + length > len(content):
            break
        place = at + size + length
    return found


class Mutator:
    """Breaks one film in every way, by chance but always the same for the same seed."""

    def __init__(self, content: bytes, seed: tuple[int, ...]) -> None:
        """Take a sound film's bytes."""
        self._content = content
        self._random = np.random.default_rng(seed)
        self._elements = elements_of(content)
        last = self._elements[-1] if self._elements else None
        self._pixels_at = last.value_at if last is not None and last.tag == _PIXELS else 0
        self._kinds: tuple[Callable[[], Mutant], ...] = (
            self._flip_header,
            self._flip_pixels,
            self._cut_off,
            self._mislabel,
            self._stretch,
            self._revalue,
            self._splice,
            self._noise,
        )

    def mutant(self, number: int) -> Mutant:
        """The next mutant; its number chooses the kind."""
        return self._kinds[number % len(self._kinds)]()

    def _below(self, high: int, low: int = 0) -> int:
        return int(self._random.integers(low, max(high, low + 1)))

    def _flip_header(self) -> Mutant:
        end = self._pixels_at or len(self._content)
        return Mutant("bytes flipped in the header", "header" if self._pixels_at else "file", self._flipped(0, end))

    def _flip_pixels(self) -> Mutant:
        where = "pixels" if self._pixels_at else "file"
        end = len(self._content) if self._below(2) else min(len(self._content), self._pixels_at + 200)  # where codestreams begin
        return Mutant("bytes flipped in the pixel data", where, self._flipped(self._pixels_at, end))

    def _flipped(self, start: int, end: int) -> bytes:
        broken = bytearray(self._content)
        for _ in range(2 ** self._below(5)):
            place = self._below(end, start)
            broken[place] ^= self._below(256, 1)
        return bytes(broken)

    def _cut_off(self) -> Mutant:
        return Mutant("cut off", "file", self._content[: self._below(len(self._content))])

    def _mislabel(self) -> Mutant:
        """Another tag or another value representation for an element."""
        broken, element = bytearray(self._content), self._any_element()
        if element is None:
            return self._flip_header()
        other = self._elements[self._below(len(self._elements))]
        if element.length_at > element.start + 4 and self._below(2):
            kinds = (*_SHORT, *_LONG)
            broken[element.start + 4 : element.start + 6] = kinds[self._below(len(kinds))]
        elif self._below(2):
            broken[element.start : element.start + 4] = struct.pack("<HH", *other.tag)
        else:
            broken[element.start : element.start + 4] = self._random.bytes(4)
        return Mutant("mislabelled", "header", bytes(broken), str(element))

    def _stretch(self) -> Mutant:
        """An absurd length for an element."""
        broken, element = bytearray(self._content), self._any_element()
        if element is None:
            return self._flip_header()
        most = 2 ** (8 * element.length_size) - 1
        lengths = (
            0,
            1,
            3,
            most,
            most - 1,
            most // 2,
            most // 16,
            element.length + 1,
            element.length - 1,
            element.length * 2,
            self._below(most),
        )
        length = min(max(lengths[self._below(len(lengths))], 0), most)
        broken[element.length_at : element.length_at + element.length_size] = length.to_bytes(element.length_size, "little")
        return Mutant("absurd length", "header", bytes(broken), str(element))

    def _revalue(self) -> Mutant:
        """Another value of the same length for an element, most often for one that describes the pixels."""
        broken = bytearray(self._content)
        telling = [e for e in self._elements[:-1] if e.length and (e.tag[0] == 0x0028 or e.tag == (0x0002, 0x0010))]
        element = telling[self._below(len(telling))] if telling and self._below(4) else self._any_element()
        if element is None or element.value_at == self._pixels_at:
            return self._flip_header()
        value = bytes(broken[element.value_at : element.value_at + element.length])
        broken[element.value_at : element.value_at + element.length] = self._other_value(value)
        return Mutant("another value", "header", bytes(broken), str(element))

    def _other_value(self, value: bytes) -> bytes:
        if len(value) == 2:
            numbers = (0, 1, 2, 3, 7, 8, 9, 11, 12, 15, 16, 32, 64, 255, 256, 512, 1024, 32767, 65535, int.from_bytes(value, "little") * 2)
            return (numbers[self._below(len(numbers))] & 0xFFFF).to_bytes(2, "little")
        choices = (b"0" * len(value), b"9" * len(value), b"-" * len(value), b" " * len(value), b"\0" * len(value), b"\xff" * len(value))
        choice = self._below(len(choices) + 2)
        if choice < len(choices):
            return choices[choice]
        changed = bytearray(value)
        for place in range(len(changed)):
            if chr(changed[place]).isdigit() and (choice == len(choices) or self._below(3) == 0):
                changed[place] = ord("0") + self._below(10)
        return bytes(changed)

    def _splice(self) -> Mutant:
        """A stretch of the file that comes twice, is missing, or is lost to zeros."""
        start = self._below(len(self._content))
        length = self._below(min(4096, len(self._content) - start) + 1, 1)
        middle = (self._content[start : start + length] * 2, b"", b"\0" * length)[self._below(3)]
        return Mutant("spliced", "file", self._content[:start] + middle + self._content[start + length :])

    def _noise(self) -> Mutant:
        """Random bytes, bare or behind a sound beginning."""
        noise = self._random.bytes(self._below(20_000, 1))
        sound = (b"", b"\0" * 128 + b"DICM", self._content[: self._below(len(self._content))])[self._below(3)]
        return Mutant("random bytes", "file", sound + noise)

    def _any_element(self) -> Element | None:
        return self._elements[self._below(len(self._elements))] if self._elements else None
