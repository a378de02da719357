"""What a researcher does from a shell with a recording of their own, and with a recipe of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from egma_app.cli.main import main
from egma_core.gaze.agreement import event_f1, kappa
from egma_core.recording.headless import record_headless
from egma_core.store.store import Store

SCREEN = ("--screen-px", "1024", "768", "--screen-mm", "380", "300", "--distance-mm", "670")


def egma(*arguments: str | Path) -> int:
    """Run the command in this process; its exit status."""
    try:
        main([*map(str, arguments)])
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Ten rests of 0.3 s at 250 Hz, with a blink in the last."""
    k = np.arange(750)
    x, y = 100.0 + 80.0 * (k // 75) + np.random.default_rng(0).normal(0.0, 0.3, (2, 750))
    rows = [f"{4 * i},{a:.2f},{b:.2f}" if not 715 <= i < 745 else f"{4 * i},," for i, a, b in zip(k.tolist(), x, y, strict=True)]
    path = tmp_path / "gaze.csv"
    path.write_text("\n".join(["t_ms,x_px,y_px", *rows]) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("detector", ["adaptive", "ivt", "idt"])
def test_a_recording_s_fixations(table: Path, tmp_path: Path, detector: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.csv"
    assert egma("fixations", table, *SCREEN, "--out", out, "--detector", detector, "--set", "minimum_ms=100", "--json") == 0
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    rows = np.genfromtxt(out, delimiter=",", names=True)
    assert rows.dtype.names == ("onset_ms", "offset_ms", "x_px", "y_px")
    assert np.allclose(rows["x_px"], 100.0 + 80.0 * np.arange(10), atol=0.5)
    assert said["fixations"] == 10 and said["rate_hz"] == pytest.approx(250.0) and said["blinks"] == 1
    assert ("noise" in said) == (detector == "adaptive")
    assert egma("fixations", table, *SCREEN, "--out", out) == 0
    assert capsys.readouterr().out.endswith("out.csv: 10, from 250 samples a second.\n")


def test_settings_change_what_is_found(table: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    assert (
        egma("fixations", table, *SCREEN, "--out", out, "--detector", "ivt", "--set", "minimum_ms=200", "--set", "noise_reduction=median")
        == 0
    )
    assert len(np.genfromtxt(out, delimiter=",", names=True)) == 9, "the last rest is cut in two by the blink"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--set", "speed=3"), "no setting adaptive.speed"),
        (("--set", "minimum_ms"), "not of the form NAME=VALUE. For example: --set minimum_ms=60"),
        (("--set", "minimum_ms=short"), "minimum_ms must be float"),
        (("--set", "minimum_ms=nan"), "minimum_ms must be float"),
        (("--set", "noise_samples=4", "--set", "noise_reduction=mean"), "has no middle"),
        (("--time-unit", "s"), "no eye tracker has"),
        (("--columns", "x_px=gaze_x"), "has no column gaze_x"),
        (("--distance-mm", "-1"), "must be positive"),
    ],
)
def test_what_cannot_be_is_said_in_words(
    table: Path, tmp_path: Path, arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert egma("fixations", table, *SCREEN, "--out", tmp_path / "out.csv", *arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("egma: ") and words in said
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.needs_data
@pytest.mark.parametrize("begin", [0, 1])
def test_the_command_agrees_with_an_expert(shared_data: Path, tmp_path: Path, begin: int) -> None:
    """Andersson et al. (2017), still pictures, coder MN, every other recording: the file as it is, through the command as it is."""
    scores: list[tuple[float, float]] = []
    for path in sorted((shared_data / "eye" / "andersson2017" / "csv").glob("*_img_*.csv"))[begin::2]:
        out = tmp_path / path.name
        assert egma("fixations", path, *SCREEN, "--out", out, "--json") == 0
        trial, found = (np.genfromtxt(table, delimiter=",", names=True) for table in (path, out))
        fixated = np.zeros(len(trial), dtype=bool)
        for onset, offset in zip(found["onset_ms"], found["offset_ms"], strict=True):
            fixated |= (trial["t_ms"] >= onset) & (trial["t_ms"] <= offset)
        kept = ~np.isin(trial["label_MN"], [5, 6])
        truth = trial["label_MN"] == 1
        scores.append((kappa(fixated[kept], truth[kept]), event_f1(truth[kept], fixated[kept])))
    assert np.mean(scores, axis=0)[0] >= 0.80 and np.mean(scores, axis=0)[1] >= 0.95, scores


def test_the_program_as_installed_says_what_it_can_set(table: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "egma_app.cli", "fixations", "--help"]
    said = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True).stdout
    assert "threshold_deg_s=30" in said and "dispersion_deg=1" in said and "drift_factor=6" in said


def test_readings_are_processed_by_a_recipe_of_one_s_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    library, recipe = tmp_path / "library.sqlite", tmp_path / "recipe.toml"
    with Store.open(library, create=True) as store:
        reading = record_headless(store, tracker="simulated", rate_hz=120.0, seconds=0.5, seed=1).id
    recipe.write_text('detector = "adaptive"\n[windows]\nname = "span"\n', encoding="utf-8")
    assert egma("process", "--store", library, "--recipe", recipe) == 0
    with Store.open(library) as store:
        made = store.derivation(reading)
    assert made is not None and made.recipe["detector"]["name"] == "adaptive" and made.recipe["windows"]["name"] == "span"
    recipe.write_text("detector = 'guess'\n", encoding="utf-8")
    assert egma("process", "--store", library, "--recipe", recipe) == 2
    assert "detector cannot be 'guess'" in capsys.readouterr().err
