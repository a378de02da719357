"""The capture process's commands read as values: what the window sends is checked here, and refused in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, cast, get_args

from egma_core.child import Command, checked_fields
from egma_core.errors import ConfigError
from egma_core.gaze.viewport import Viewport
from egma_core.geometry import Rect, Screen, Transform
from egma_core.speech.sentences import TextOrigin
from egma_core.store.values import Decision, HeardWord, SpokenSentence, TextEdit

_NUMBER = (int, float)  # viewports come at every frame that is painted


@dataclass(frozen=True)
class OpenRequest:
    """What a sitting is wanted with.

    Attributes:
        library: The library.
        reader: Who reads.
        screen: The monitor.
        tracker: Name of the tracker's driver.
        tracker_choices: `rate_hz`, `seed`, `address`, `reading_id`, `options`, where given.
        microphone: Name of the microphone, or "" for none.
        microphone_options: Its settings, by name.
        protocol_name: Name of the study protocol, or "".
        protocol_toml: Its text.
    """

    library: str
    reader: str
    screen: Screen
    tracker: str
    tracker_choices: dict[str, Any]
    microphone: str
    microphone_options: dict[str, str]
    protocol_name: str
    protocol_toml: str


@dataclass(frozen=True)
class EndRequest:
    """How a reading is to end.

    Attributes:
        state: Its state.
        note: Why, or "".
        decision: What was decided at the gate, or None where nobody was asked.
        reason: Why it was decided so, or "".
    """

    state: Any
    note: str
    decision: Decision | None
    reason: str


def open_request(command: Command) -> OpenRequest:
    """Read `open`.

    Raises:
        ConfigError: A field is missing, unknown or of another kind.
    """
    required = {"library": str, "reader": str, "screen": dict, "tracker": dict}
    fields = command.fields(required, {"microphone": dict, "protocol": dict})
    sizes = {"width_px": int, "height_px": int, "width_mm": float, "height_mm": float, "distance_mm": float}
    screen = Screen(**checked_fields("The screen", fields["screen"], sizes, {}))
    choices = {"rate_hz": float, "seed": int, "address": str, "reading_id": int, "options": dict}
    tracker = checked_fields("The tracker", fields["tracker"], {"name": str}, choices)
    microphone = checked_fields("The microphone", fields.get("microphone", {"name": ""}), {"name": str}, {"options": dict})
    protocol = checked_fields("The protocol", fields.get("protocol", {"name": "", "toml": ""}), {"name": str, "toml": str}, {})
    return OpenRequest(
        library=fields["library"],
        reader=fields["reader"],
        screen=screen,
        tracker=tracker.pop("name"),
        tracker_choices={**tracker, "options": _texts(tracker.get("options", {}))},
        microphone=microphone["name"],
        microphone_options=_texts(microphone.get("options", {})),
        protocol_name=protocol["name"],
        protocol_toml=protocol["toml"],
    )


def end_request(command: Command) -> EndRequest:
    """Read `end`.

    Raises:
        ConfigError: A field is missing, unknown or of another kind, or a reading cannot end like this.
    """
    fields = command.fields({"state": str}, {"note": str, "decision": str, "reason": str})
    state, decision = fields["state"], fields.get("decision")
    if state not in ("complete", "discarded"):
        raise ConfigError(f"A reading cannot be ended as '{state}'.", "End it as 'complete' or 'discarded'.")
    if decision is not None and decision not in get_args(Decision):
        raise ConfigError(f"A reading cannot be decided as '{decision}'.", f"Known: {', '.join(get_args(Decision))}.")
    return EndRequest(state, fields.get("note", ""), decision, fields.get("reason", ""))


def viewport(command: Command) -> Viewport:
    """Read `viewport`.

    Raises:
        ConfigError: A field is missing, unknown or of another kind.
    """
    required = {"host_ns": int, "instance_uid": str, "frame": int, "image_to_screen": list, "region": list}
    fields = command.fields(required, {"window_center": float, "window_width": float, "inverted": bool})
    fields["image_to_screen"] = Transform("image", "screen", *_numbers("image_to_screen", fields["image_to_screen"], 6))
    fields["region"] = Rect(*_numbers("region", fields["region"], 4))
    return Viewport(**fields)


def pointer(command: Command) -> list[tuple[int, float, float]]:
    """Read `pointer`: (host ns, x, y) of each sample, NaN for a pointer that is away.

    Raises:
        ConfigError: A sample is not of that form.
    """
    return [_position(sample) for sample in command.fields({"samples": list})["samples"]]


def sentence(command: Command) -> SpokenSentence:
    """Read `sentence`.

    Raises:
        ConfigError: A field is missing, unknown or of another kind, or the sentence cannot be.
    """
    fields = command.fields({"text": str, "onset_ns": int, "offset_ns": int, "origin": str})
    if fields["origin"] not in get_args(TextOrigin):
        raise ConfigError(f"A sentence cannot be of origin '{fields['origin']}'.", f"Known: {', '.join(get_args(TextOrigin))}.")
    if not fields["text"].strip() or fields["offset_ns"] < fields["onset_ns"]:
        raise ConfigError("A sentence needs words, and must not end before it begins.", "Send text, onset_ns and offset_ns.")
    return SpokenSentence(**fields)


def edit(command: Command) -> TextEdit:
    """Read `edit`.

    Raises:
        ConfigError: A field is missing, unknown or of another kind, or nothing changes.
    """
    fields = command.fields({"line": int, "position": int, "removed": str, "inserted": str, "host_ns": int})
    if min(fields["line"], fields["position"]) < 0 or fields["removed"] == fields["inserted"]:
        raise ConfigError(
            "An edit must change something, in a line and at a position from 0 up.", "Send line, position, removed, inserted."
        )
    return TextEdit(**fields)


def heard(command: Command) -> tuple[HeardWord, ...]:
    """Read `heard`.

    Raises:
        ConfigError: A field is missing, unknown or of another kind, or a word cannot be.
    """
    fields = command.fields({"engine": str, "words": list})
    return tuple(_word(word, fields["engine"]) for word in fields["words"])


def _word(word: Any, engine: str) -> HeardWord:
    if isinstance(word, list) and len(cast(list[Any], word)) == 4:
        text, onset_ns, offset_ns, confidence = cast(list[Any], word)
        timed = _is_whole(onset_ns) and _is_whole(offset_ns) and onset_ns <= offset_ns
        sure = confidence is None or (_is_number(confidence) and 0 <= confidence <= 1)
        if isinstance(text, str) and text.strip() and timed and sure:
            return HeardWord(text, onset_ns, offset_ns, None if confidence is None else float(confidence), engine)
    raise ConfigError(
        "A heard word must be [text, onset_ns, offset_ns, confidence].", "Times are whole numbers, the confidence is 0 to 1 or null."
    )


def _position(sample: Any) -> tuple[int, float, float]:
    if isinstance(sample, list) and len(cast(list[Any], sample)) == 3:
        host_ns, x, y = cast(list[Any], sample)
        if _is_whole(host_ns) and all(v is None or _is_number(v) for v in (x, y)):
            return host_ns, math.nan if x is None else float(x), math.nan if y is None else float(y)
    raise ConfigError(
        "A pointer sample must be [host_ns, x, y].", "Send a whole number and two fractions of the display, or null for those."
    )


def _numbers(name: str, values: list[Any], n: int) -> list[float]:
    if len(values) != n or not all(_is_number(value) for value in values):
        raise ConfigError(f"The field '{name}' must be a list of {n} numbers.")
    return [float(value) for value in values]


def _texts(options: dict[Any, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in options.items()}


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, _NUMBER) and not isinstance(value, bool) and math.isfinite(value)
