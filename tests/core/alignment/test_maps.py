from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from egma_core.alignment.maps import SentenceGazeMap, density, kernel_deg, sentence_gaze_maps
from egma_core.alignment.windows import WindowPolicy
from egma_core.errors import ConfigError
from egma_core.gaze.fixations import Fixations
from egma_core.gaze.viewport import Viewport
from egma_core.geometry import Rect, Transform
from egma_core.speech.sentences import Sentence

SHAPE = (300, 400)


def fixations(**columns: list[float]) -> Fixations:
    n = len(columns["onset_s"])
    rest = {name: np.zeros(n) for name in ("screen_x_px", "screen_y_px", "dispersion_deg")}
    given = {name: np.array(values, dtype=float) for name, values in columns.items()}
    return Fixations(**{**rest, **given, "viewport": given["viewport"].astype(np.int64)})


def viewport(uid: str, zoom: float = 1.0, dx: float = 0.0, region: Rect | None = None) -> Viewport:
    return Viewport(0, uid, 1, Transform.scaling("image", "screen", zoom, zoom, dx, 0.0), region or Rect(0.0, 0.0, 1000.0, 1000.0))


def gaussians(*rows: tuple[float, float, float, float, tuple[float, float, float, float]]) -> SentenceGazeMap:
    """A map of rows x, y, sigma, weight, visible."""
    x, y, sigma, weight = (np.array([r[k] for r in rows], dtype=float) for k in range(4))
    visible = np.array([r[4] for r in rows], dtype=float).reshape(-1, 4)
    sentence = Sentence("Clear.", 0.0, 1.0, "typed")
    return SentenceGazeMap(sentence, "1.2", (0.0, 1.0), "span", np.arange(len(rows)), x, y, sigma, weight, visible)


def test_fixations_count_with_the_seconds_they_share_with_each_sentence() -> None:
    looked = fixations(
        onset_s=[0.0, 1.0, 2.5, 4.0],
        offset_s=[0.9, 2.4, 3.5, 5.0],
        x_px=[10.0, 20.0, 30.0, 40.0],
        y_px=[1.0, 2.0, 3.0, 4.0],
        px_per_deg=[30.0, 30.0, 15.0, 15.0],
        viewport=[0, 0, 1, 1],
    )
    log = [viewport("1.2"), viewport("1.2", 2.0)]
    sentences = [Sentence("A", 1.0, 2.0, "typed"), Sentence("B", 3.0, 4.5, "typed"), Sentence("C", 8.0, 9.0, "typed")]
    a, b, c = sentence_gaze_maps(looked, sentences, log, {"1.2": SHAPE}, windows=WindowPolicy("span"), sigma_deg=0.5)
    assert (a.sentence, b.sentence, c.sentence) == tuple(sentences)
    assert a.fixation.tolist() == [1] and a.weight_s.tolist() == [1.0] and a.sigma_px.tolist() == [15.0]
    assert b.fixation.tolist() == [2, 3] and b.weight_s.tolist() == [0.5, 0.5]
    assert b.sigma_px.tolist() == [7.5, 7.5] and b.x_px.tolist() == [30.0, 40.0] and b.y_px.tolist() == [3.0, 4.0]
    assert a.gaze_valid and not c.gaze_valid
    assert (b.window_s, b.policy) == ((3.0, 4.5), "span sigma_deg=0.5")


@pytest.mark.parametrize(("accuracy_deg", "width_deg"), [(None, 1.0), (0.0, 1.0), (0.6, 1.0), (1.0, 1.0), (1.75, 1.75)])
def test_a_look_is_as_wide_as_the_fovea_or_as_the_tracker_was_wrong(accuracy_deg: float | None, width_deg: float) -> None:
    """At each fixation's own zoom: twice as far in, the same angle covers half as many pixels of the film."""
    looked = fixations(onset_s=[0.0, 1.0], offset_s=[1.0, 2.0], x_px=[9.0, 9.0], y_px=[9.0, 9.0], px_per_deg=[40.0, 20.0], viewport=[0, 1])
    log = [viewport("1.2"), viewport("1.2", 2.0)]
    said = [Sentence("A", 0.5, 2.0, "typed")]
    (made,) = sentence_gaze_maps(looked, said, log, {"1.2": SHAPE}, accuracy_deg=accuracy_deg)
    assert made.sigma_px.tolist() == [40.0 * width_deg, 20.0 * width_deg]
    assert made.policy == f"since_previous limit_s=5 sigma_deg={width_deg:g}"
    assert made.weight_s.tolist() == [1.0, 1.0], "the look before the sentence counts whole"


@pytest.mark.parametrize(("sigma_deg", "accuracy_deg"), [(0.0, None), (float("nan"), None), (1.0, -0.5), (1.0, float("nan"))])
def test_a_width_that_is_no_width_is_refused(sigma_deg: float, accuracy_deg: float | None) -> None:
    with pytest.raises(ConfigError, match="degrees above zero"):
        kernel_deg(sigma_deg, accuracy_deg)


@pytest.mark.parametrize(
    ("policy", "label", "weight_s"),
    [
        (WindowPolicy(), "since_previous limit_s=5", [0.5, 1.0]),
        (WindowPolicy(limit_s=0.5), "since_previous limit_s=0.5", [0.5]),
        (WindowPolicy("span"), "span", []),
        (WindowPolicy("lead", lead_s=1.25), "lead lead_s=1.25", [0.25, 1.0]),
    ],
)
def test_each_policy_weighs_looks_by_what_lies_in_its_window_and_says_so(policy: WindowPolicy, label: str, weight_s: list[float]) -> None:
    """The reader looks twice, from 1 to 2 and from 2 to 3, after one sentence and before the next one's onset at 3."""
    looked = fixations(onset_s=[1.0, 2.0], offset_s=[2.0, 3.0], x_px=[9.0, 9.0], y_px=[9.0, 9.0], px_per_deg=[9.0, 9.0], viewport=[0, 0])
    said = [Sentence("A", 0.5, 1.5, "typed"), Sentence("B", 3.0, 4.0, "typed")]
    made = sentence_gaze_maps(looked, said, [viewport("1.2")], {"1.2": SHAPE}, windows=policy)[1]
    assert made.weight_s.tolist() == weight_s and made.gaze_valid == bool(weight_s)
    assert made.policy == f"{label} sigma_deg=1"


def test_each_film_has_its_own_map_and_gaze_elsewhere_is_left_out() -> None:
    looked = fixations(
        onset_s=[0.0, 1.0, 2.0], offset_s=[1.0, 2.0, 3.0], x_px=[1.0, 2.0, np.nan], y_px=[1.0, 2.0, np.nan], px_per_deg=[9.0, 9.0, np.nan],
        viewport=[0, 1, -1],
    )  # fmt: skip
    log = [viewport("front"), viewport("side"), viewport("other")]
    sentences = [Sentence("A", 0.0, 3.0, "typed")]
    maps = sentence_gaze_maps(looked, sentences, log, {"side": SHAPE, "front": SHAPE, "unseen": SHAPE})
    assert [(m.instance_uid, m.fixation.tolist()) for m in maps] == [("side", [1]), ("front", [0]), ("unseen", [])]


def test_the_visible_part_is_the_region_brought_to_the_film_and_cut_to_it() -> None:
    looked = fixations(onset_s=[0, 1, 2], offset_s=[1, 2, 3], x_px=[200] * 3, y_px=[100] * 3, px_per_deg=[30] * 3, viewport=[0, 1, 2])
    turned = Viewport(0, "1.2", 1, Transform("image", "screen", 0.0, -2.0, 2.0, 0.0, 600.0, 0.0), Rect(400.0, 200.0, 560.0, 300.0))
    log = [viewport("1.2"), viewport("1.2", 4.0, -400.0, Rect(0.0, 0.0, 800.0, 600.0)), turned]
    (looked,) = sentence_gaze_maps(looked, [Sentence("A", 0.0, 3.0, "typed")], log, {"1.2": SHAPE})
    assert looked.visible.tolist() == [[0, 0, 400, 300], [100, 0, 300, 150], [100, 20, 150, 100]]


def test_a_film_without_fixations_or_a_reading_without_sentences() -> None:
    nothing = fixations(onset_s=[], offset_s=[], x_px=[], y_px=[], px_per_deg=[], viewport=[])
    (looked,) = sentence_gaze_maps(nothing, [Sentence("A", 0.0, 1.0, "typed")], [], {"1.2": SHAPE})
    assert not looked.gaze_valid and looked.visible.shape == (0, 4)
    assert density(looked, SHAPE).max() == 0.0 and density(looked, SHAPE).shape == SHAPE
    assert sentence_gaze_maps(nothing, [], [], {"1.2": SHAPE}) == ()


def test_a_rendered_gaussian_has_its_centre_and_width() -> None:
    looked = gaussians((150.5, 100.5, 12.0, 0.7, (0, 0, 400, 300)))
    picture = density(looked, SHAPE)
    assert picture.shape == SHAPE and picture.dtype == np.float32
    assert np.unravel_index(picture.argmax(), SHAPE) == (100, 150)
    assert picture.max() == 1.0
    assert picture[100, 162] == pytest.approx(np.exp(-0.5), abs=1e-3)
    assert picture[100 + 24, 150] == pytest.approx(np.exp(-2.0), abs=1e-3)


def test_longer_looks_weigh_more_and_nothing_shows_where_nothing_was_visible() -> None:
    looked = gaussians((100.0, 150.0, 10.0, 0.4, (0, 0, 105, 300)), (300.0, 150.0, 10.0, 0.2, (250, 140, 400, 300)))
    picture = density(looked, SHAPE)
    assert picture[150, 300] == pytest.approx(0.5, abs=0.01)
    assert picture[:, 105:250].max() == 0.0 and picture[:140, 250:].max() == 0.0
    assert picture[150, 104] > 0.8


@pytest.mark.parametrize("step", [1, 4, 7, 1000])
def test_coarser_cells_are_sums_of_finer_ones(step: int) -> None:
    looked = gaussians((100.0, 150.0, 20.0, 0.4, (0, 0, 105, 300)), (300.0, 280.0, 10.0, 0.2, (0, 0, 400, 300)))
    fine, coarse = density(looked, SHAPE), density(looked, SHAPE, step)
    padded = np.pad(fine.astype(float), [(0, -n % step) for n in SHAPE])
    blocks = padded.reshape(padded.shape[0] // step, step, -1, step).sum(axis=(1, 3))
    assert coarse.shape == blocks.shape
    assert np.allclose(coarse, blocks / blocks.max(), atol=1e-4)


def test_a_map_whose_visible_part_is_empty_renders_nothing() -> None:
    looked = gaussians((100.0, 150.0, 20.0, 0.4, (0, 0, 105, 300)))
    assert density(replace(looked, visible=np.array([[50.0, 0.0, 40.0, 300.0]])), SHAPE).max() == 0.0
