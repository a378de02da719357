"""The search for Tobii trackers through TittaPy, in a process of its own: this module run as a program.

There are two modules: `TittaPy_v2` with SDK 2 for Spectrum, Fusion, Nano and Spark, and `TittaPy_v1` with SDK 1.11 for older ones.
The first search of each holds Python's lock for 2 s even in a thread.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from egma_core.errors import MissingExtraError, TrackerError
from egma_core.trackers.tobii_sdk import TobiiInfo, tobii_error, trouble_of

T = TypeVar("T")

_SDK2_MODELS = ("Spectrum", "Fusion", "Nano", "Spark")
_MODULES = ("TittaPy_v2", "TittaPy_v1")
_SEARCH_S = 30.0
_CODE = re.compile(r"Error code: (\d+)")


def module_for(model: str) -> str:
    """The module whose SDK drives a model."""
    return _MODULES[0] if any(name in model for name in _SDK2_MODELS) else _MODULES[1]


def sdk(name: str) -> Any:
    """One of the two modules.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtraError("A Tobii eye tracker", "tobii") from error


def calling(model: str, work: Callable[[], T]) -> T:
    """Call TittaPy, whose errors are RuntimeErrors that carry the SDK's code; they become words."""
    try:
        return work()
    except RuntimeError as error:
        code = _CODE.search(str(error))
        raise tobii_error(trouble_of(int(code[1])) if code else "other", model, int(code[1]) if code else None) from error


def find() -> Sequence[TobiiInfo]:
    """The trackers that either SDK finds, each by the one that drives it; takes some 5 s in another process.

    Raises:
        MissingExtraError: TittaPy is not installed.
        TrackerError: The search failed.
    """
    if importlib.util.find_spec(_MODULES[0]) is None:
        raise MissingExtraError("A Tobii eye tracker", "tobii")
    try:
        searched = subprocess.run(
            [sys.executable, "-X", "utf8", "-m", "egma_core.trackers.titta_search"],
            capture_output=True,
            timeout=_SEARCH_S,
            check=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # on Windows a window would flash up
        )
        found = json.loads(searched.stdout)
    except (subprocess.SubprocessError, OSError, ValueError) as error:
        raise TrackerError("The search for Tobii eye trackers failed.", "Reinstall the extra 'tobii', then look again.") from error
    return tuple(TobiiInfo(**fields) for fields in found)


def _search() -> list[dict[str, Any]]:
    """What both SDKs find, each tracker once, as the fields of `TobiiInfo`."""
    return [
        dataclasses.asdict(
            TobiiInfo(
                about["model"],
                about["serial_number"],
                about["firmware_version"],
                about["address"],
                float(about["frequency"]),
                tuple(float(rate) for rate in about["supported_frequencies"]),
                module.capability.can_do_screen_based_calibration in about["capabilities"],
            )
        )
        for name in _MODULES
        for module in (sdk(name),)
        for about in calling("", module.find_all_eye_trackers)
        if module_for(about["model"]) == name
    ]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_search()))
