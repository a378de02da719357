"""The measures against the package they are defined by, on real validations, and against what they must be by construction."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from egma_core.gaze import validation
from egma_core.gaze.samples import Eye, GazeSamples
from egma_core.gaze.validation import Look, LookQuality, look_quality, validate
from egma_core.geometry import Screen

SCREEN = Screen(1920, 1080, 528.0, 297.0, 650.0)
FILES = {"EyeLink_1000+_left_1000Hz.tsv": 1000, "Tobii_Spectrum_120Hz.tsv": 120, "Tobii_Spectrum_600Hz.tsv": 600}
MEASURES = {"accuracy": "accuracy_deg", "rms_s2s": "rms_s2s_deg", "std": "std_deg", "bcea": "bcea_deg2"}


def read(path: Path) -> dict[str, NDArray[np.float64]]:
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    return {name: np.array([float(row[name] or "nan") for row in rows]) for name in rows[0]}


def looks(columns: dict[str, NDArray[np.float64]]) -> dict[int, Look]:
    """One look a target; pixels from the centre become fractions of the display."""
    found: dict[int, Look] = {}
    for target in sorted({int(t) for t in columns["target_id"] if t != -1}):
        of_target = columns["target_id"] == target
        gaze = GazeSamples.blank(int(of_target.sum()), "tracker")
        for eye in ("left", "right"):
            if f"{eye}_x" not in columns:
                continue
            gaze.rows[f"{eye}_x"] = columns[f"{eye}_x"][of_target] / SCREEN.width_px + 0.5
            gaze.rows[f"{eye}_y"] = columns[f"{eye}_y"][of_target] / SCREEN.height_px + 0.5
            gaze.rows[f"{eye}_valid"] = np.isfinite(gaze.rows[f"{eye}_x"])
        x, y = columns["tar_x"][of_target][0], columns["tar_y"][of_target][0]
        found[target] = Look((x / SCREEN.width_px + 0.5, y / SCREEN.height_px + 0.5), gaze)
    return found


@pytest.mark.needs_data
class TestAgainstETDQualitizer:
    @pytest.mark.parametrize("name", FILES)
    def test_every_measure_at_every_target(self, shared_data: Path, name: str) -> None:
        etdq = pytest.importorskip("ETDQualitizer")
        screen = etdq.ScreenConfiguration(SCREEN.width_mm, SCREEN.height_mm, SCREEN.width_px, SCREEN.height_px, SCREEN.distance_mm)
        columns = read(shared_data / "eye" / "etdqualitizer" / name)
        eyes: list[Eye] = [eye for eye in ("left", "right") if f"{eye}_x" in columns]
        n = 0
        for target, look in looks(columns).items():
            chosen = columns["target_id"] == target
            for eye in eyes:
                given = columns[f"{eye}_x"][chosen], columns[f"{eye}_y"][chosen], columns["timestamp"][chosen] / 1000
                reference = etdq.DataQuality(*given, "pixels", screen)
                aim = screen.pix_to_deg(columns["tar_x"][chosen][0], columns["tar_y"][chosen][0])
                ours = look_quality(look, SCREEN, eye)
                expected = (
                    *reference.accuracy(*aim),
                    reference.precision_RMS_S2S()[0],
                    reference.precision_STD()[0],
                    reference.precision_BCEA()[0],
                    reference.data_loss_from_invalid() / 100,
                )
                figures = (
                    ours.accuracy_deg,
                    ours.offset_x_deg,
                    ours.offset_y_deg,
                    ours.rms_s2s_deg,
                    ours.std_deg,
                    ours.bcea_deg2,
                    ours.loss,
                )
                assert figures == pytest.approx(expected, abs=1e-9)
                due = round(reference.get_duration() * FILES[name] * 1.1)
                late = look_quality(Look(look.point, look.samples, due), SCREEN, eye).loss
                assert late == pytest.approx(reference.data_loss_from_expected(due / reference.get_duration()) / 100, abs=1e-9)
                n += 1
        assert n == 9 * len(eyes)

    def test_the_answer_key(self, shared_data: Path) -> None:
        """The same numbers without the package, to the digits that were written down."""
        folder = shared_data / "eye" / "etdqualitizer"
        found = {name: looks(read(folder / name)) for name in FILES}
        with (folder / "expected_quality_etdqualitizer.csv").open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
        assert len(rows) == 45
        for row in rows:
            eye: Eye = "left" if row["eye"] == "left" else "right"
            ours = look_quality(found[row["file"]][int(row["target_id"])], SCREEN, eye)
            for theirs, field in MEASURES.items():
                assert getattr(ours, field) == pytest.approx(float(row[theirs]), abs=6e-6), (row, field)
            assert 100 * ours.loss == pytest.approx(float(row["data_loss"]), abs=6e-6)


def gaze_at(x: NDArray[np.float64], y: NDArray[np.float64], distance_mm: float = math.nan) -> GazeSamples:
    samples = GazeSamples.blank(len(x), "simulated")
    for eye in ("left", "right"):
        samples.rows[f"{eye}_x"], samples.rows[f"{eye}_y"] = x, y
        samples.rows[f"{eye}_valid"] = np.isfinite(x) & np.isfinite(y)
        samples.rows[f"{eye}_distance_mm"] = distance_mm
    return samples


def beside(degrees_x: float, degrees_y: float, distance_mm: float) -> tuple[float, float]:
    """The point of the display that lies so far from its centre, along each axis alone."""
    mm = distance_mm * math.tan(math.radians(degrees_x)), distance_mm * math.tan(math.radians(degrees_y))
    return 0.5 + mm[0] / SCREEN.width_mm, 0.5 + mm[1] / SCREEN.height_mm


class TestMeasures:
    @pytest.mark.parametrize("distance_mm", [math.nan, 500.0, 800.0])
    def test_gaze_a_degree_to_the_right_of_the_target(self, distance_mm: float) -> None:
        x, y = beside(1.0, 0.0, SCREEN.distance_mm if math.isnan(distance_mm) else distance_mm)
        quality = look_quality(Look((0.5, 0.5), gaze_at(np.full(30, x), np.full(30, y), distance_mm)), SCREEN, "left")
        assert quality.accuracy_deg == pytest.approx(1.0, abs=1e-4)  # distances are kept in single precision
        assert quality.offset_x_deg == pytest.approx(1.0, abs=1e-4)
        assert quality.offset_y_deg == pytest.approx(0.0, abs=1e-9)
        assert (quality.rms_s2s_deg, quality.std_deg, quality.bcea_deg2, quality.loss) == pytest.approx((0.0, 0.0, 0.0, 0.0), abs=1e-12)

    def test_below_counts_as_positive(self) -> None:
        x, y = beside(0.0, 0.5, 650.0)
        quality = look_quality(Look((0.5, 0.5), gaze_at(np.full(3, x), np.full(3, y))), SCREEN, "average")
        assert quality.offset_y_deg == pytest.approx(0.5)

    def test_a_correction_moves_gaze_before_it_is_judged(self) -> None:
        look = Look((0.3, 0.6), gaze_at(np.full(9, 0.32), np.full(9, 0.57)))
        assert look_quality(look, SCREEN, "left", shift=(-0.02, 0.03)).accuracy_deg == pytest.approx(0.0, abs=1e-9)
        assert look_quality(look, SCREEN, "left").accuracy_deg > 1.0

    def test_both_eyes_may_be_off_and_their_mean_right(self) -> None:
        samples = gaze_at(np.full(9, 0.5), np.full(9, 0.5))
        samples.rows["left_x"] -= 0.02
        samples.rows["right_x"] += 0.02
        found = validate([Look((0.5, 0.5), samples)], SCREEN)
        assert found.overall("left").offset_x_deg == pytest.approx(-found.overall("right").offset_x_deg)
        assert found.overall("left").accuracy_deg > 0.9
        assert found.overall("average").accuracy_deg == pytest.approx(0.0, abs=1e-9)

    def test_lost_samples_break_the_steps_and_count_as_loss(self) -> None:
        x = np.array([0.5, np.nan, 0.6, 0.6])
        quality = look_quality(Look((0.5, 0.5), gaze_at(x, np.full(4, 0.5)), n_due=6), SCREEN, "left")
        assert quality.rms_s2s_deg == 0.0, "the only unbroken step rests"
        assert quality.loss == pytest.approx(0.5)

    def test_nothing_seen_is_said_as_nothing(self) -> None:
        lost = Look((0.2, 0.5), gaze_at(np.full(5, np.nan), np.full(5, np.nan)))
        seen = Look((0.5, 0.2), gaze_at(np.full(5, 0.5), np.full(5, 0.2)))
        figures = validate([lost, seen], SCREEN).figures()
        assert figures["points"][0]["left"] == dict.fromkeys(LookQuality.__dataclass_fields__) | {"loss": 1.0}
        assert figures["left"]["accuracy_deg"] == pytest.approx(0.0, abs=1e-9)
        assert (figures["left"]["n_points"], figures["left"]["loss"]) == (1, 0.5)
        empty = validate([Look((0.5, 0.5), GazeSamples.blank(0, "tracker"))], SCREEN).figures()
        assert empty["average"]["accuracy_deg"] is None and empty["average"]["worst_deg"] is None
        assert empty["average"]["loss"] == 1.0
        json.dumps([figures, empty], allow_nan=False)

    def test_the_worst_target_is_named_beside_the_mean(self) -> None:
        points = [(0.5, 0.5), (0.2, 0.5)]
        gaze = [gaze_at(np.full(5, x), np.full(5, 0.5)) for x in (0.51, 0.24)]
        figures = validate([Look(point, samples) for point, samples in zip(points, gaze, strict=True)], SCREEN).figures()["right"]
        first, second = (
            look_quality(Look(point, samples), SCREEN, "right").accuracy_deg for point, samples in zip(points, gaze, strict=True)
        )
        assert figures["worst_deg"] == second and figures["accuracy_deg"] == pytest.approx((first + second) / 2)

    @given(st.integers(0, 2**32 - 1), st.floats(-20, 20), st.floats(-10, 10))
    def test_precision_does_not_depend_on_where_gaze_rests(self, seed: int, azimuth: float, elevation: float) -> None:
        noise = np.random.default_rng(seed).normal(0, 0.1, (2, 200))
        here = noise[0] + azimuth, noise[1] + elevation
        for measure in (validation.rms_s2s_deg, validation.std_deg, validation.bcea_deg2):
            assert measure(here) == pytest.approx(measure((noise[0], noise[1])), rel=1e-6)
        assert validation.bcea_deg2((noise[0], noise[0])) == pytest.approx(0.0, abs=1e-6), "a line has no area"

    def test_independent_noise_has_the_expected_size(self) -> None:
        noise = np.random.default_rng(3).normal(0, 0.1, (2, 100_000))
        gaze = noise[0], noise[1]
        assert validation.std_deg(gaze) == pytest.approx(0.1 * math.sqrt(2), rel=0.01)
        assert validation.rms_s2s_deg(gaze) == pytest.approx(0.2, rel=0.01)
        assert validation.bcea_deg2(gaze) == pytest.approx(2 * math.pi * 0.01 * -math.log(1 - 0.68), rel=0.01)
