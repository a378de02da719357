"""The real SDKs of Tobii, as far as a machine without a tracker allows, and that the fakes are like them."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from typing import Any

import pytest


def real(module: str, code: str) -> str:
    """What `code` prints in a process that has the real SDK; skipped where it is not installed."""
    program = f"import importlib.util, sys\nif importlib.util.find_spec({module!r}) is None: sys.exit(77)\n{code}"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    if ran.returncode == 77:
        pytest.skip(f"{module} is not installed")
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


SURFACE = """
import json, {module} as sdk
def surface(thing): return sorted(name for name in dir(thing) if not name.startswith('_'))
print(json.dumps({{"module": surface(sdk), **{{name: surface(getattr(sdk, name)) for name in {classes!r}}}}}))
"""


@pytest.mark.parametrize(
    ("module", "classes"),
    [
        ("tobii_research", ["EyeTracker", "ScreenBasedCalibration", "DisplayArea"]),
        ("TittaPy_v2", ["EyeTracker", "notification_type", "stream_error", "calibration_action", "capability", "calibration_status"]),
        ("TittaPy_v1", ["EyeTracker", "stream_error", "calibration_action", "capability", "calibration_status"]),
    ],
)
def test_the_fakes_have_nothing_that_the_real_sdk_lacks(module: str, classes: list[str], tobii_fakes: Any) -> None:
    actual = json.loads(real(module, SURFACE.format(module=module, classes=classes)))
    fake = importlib.import_module(module)
    ours = {"ROOM", "Hardware", "annotations", "threading", "time", "Callable", "Any", "np", "enum", "deque"}
    ours |= {"hardware", "described", "width", "height"}  # attributes that only instances of the real thing have
    for name, names in actual.items():
        thing = fake if name == "module" else getattr(fake, name)
        made_up = {entry for entry in dir(thing) if not entry.startswith("_")} - set(names) - ours
        assert made_up == set(), f"{module}.{name}"


def test_the_real_sdk_of_tobii_reads_the_keys_that_the_fake_sends(tobii_fakes: Any) -> None:
    hardware = tobii_fakes.Hardware()
    tobii_fakes.ROOM.trackers.append(hardware)
    sdk = importlib.import_module("tobii_research")
    eye_tracker = sdk.EyeTracker(hardware.address)
    sent: list[dict[str, Any]] = []
    for stream in (sdk.EYETRACKER_GAZE_DATA, sdk.EYETRACKER_USER_POSITION_GUIDE):
        eye_tracker.subscribe_to(stream, sent.append, as_dictionary=True)
    hardware.sample(1)
    code = (
        "import inspect, tobii_research as sdk\n"
        "for name in ('GazeData', 'UserPositionGuide', 'StreamErrorData', 'ConnectionLostData'):\n"
        "    print(inspect.getsource(getattr(sdk, name)))\n"
    )
    source = real("tobii_research", code)
    assert len(sent) == 2
    for key in {key for data in sent for key in data} | {"error", "source", "message"}:
        assert f'data["{key}"]' in source, key


def test_the_real_sdk_of_tobii_finds_nothing_here_and_shares_the_clock() -> None:
    code = (
        "import time\n"
        "from egma_core.trackers import tobii_research_sdk as driver\n"
        "from egma_core.trackers.clocks import check_host_clock\n"
        "from egma_core.trackers.tobii_sdk import TobiiInfo\n"
        "sdk = driver.sdk()\n"
        "check_host_clock(time.perf_counter_ns, lambda: sdk.get_system_time_stamp() * 1000, 'the SDK')\n"
        "assert driver.find() == ()\n"
        "from egma_core.errors import TrackerError\n"
        "try: driver.connect(TobiiInfo('Nano', '', '', 'tet-tcp://127.0.0.1', 60.0, (), True))\n"
        "except TrackerError as error: print(error)\n"
    )
    assert "The Tobii Nano reports a fault" in real("tobii_research", code)


def test_the_real_tittapy_finds_nothing_here_and_shares_the_clock() -> None:
    code = (
        "import time\n"
        "from egma_core.trackers import titta, titta_search\n"
        "from egma_core.trackers.clocks import check_host_clock\n"
        "from egma_core.trackers.tobii_sdk import TobiiInfo\n"
        "for name in ('TittaPy_v2', 'TittaPy_v1'):\n"
        "    sdk = titta_search.sdk(name)\n"
        "    check_host_clock(time.perf_counter_ns, lambda: sdk.get_system_timestamp() * 1000, 'the SDK')\n"
        "assert titta_search.find() == ()\n"
        "from egma_core.errors import TrackerError\n"
        "try: titta.connect(TobiiInfo('Tobii TX300', '', '', 'tet-tcp://127.0.0.1', 60.0, (), True))\n"
        "except TrackerError as error: print(error)\n"
    )
    assert "does not answer (connection lost) (code 204)" in real("TittaPy_v2", code)
