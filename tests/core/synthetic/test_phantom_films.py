"""Phantom films: the same for the same seed, findings where their boxes say, and nothing else that tells them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from egma_core.synthetic.anatomy import SIDE
from egma_core.synthetic.films import Phantom, make_phantom
from egma_core.synthetic.findings import FINDINGS, ZONES, FindingName
from egma_core.synthetic.layers import smooth_noise

LOCAL: tuple[FindingName, ...] = ("consolidation", "nodule", "atelectasis", "hilar enlargement")


def healthy(phantom: Phantom) -> Phantom:
    """The same patient on the same film without the findings."""
    return replace(phantom, findings=())


def difference(phantom: Phantom) -> np.ndarray:
    """How far each pixel is from the healthy film."""
    return np.abs(phantom.pixels().astype(int) - healthy(phantom).pixels().astype(int))


def test_the_same_seed_gives_the_same_film() -> None:
    first, second = make_phantom(11), make_phantom(11)
    assert first == second
    assert np.array_equal(first.pixels(), second.pixels())


def test_another_seed_is_another_patient() -> None:
    assert make_phantom(1).anatomy != make_phantom(2).anatomy
    assert not np.array_equal(make_phantom(1).pixels(), make_phantom(2).pixels())


def test_films_are_twelve_bits_and_use_them() -> None:
    pixels = make_phantom(3).pixels()
    assert pixels.shape == (SIDE, SIDE)
    assert pixels.dtype == np.uint16
    assert 3000 < pixels.max() <= 4095
    assert pixels.min() < 600


@pytest.mark.parametrize("seed", range(6))
def test_the_letter_l_stands_upright_at_the_patients_left(seed: int) -> None:
    """The upright at its left, the foot at its bottom, in the image's upper right corner: any flip or turn breaks one of these."""
    bright = make_phantom(seed).pixels()[:90, SIDE - 90 :] > 3800
    rows, columns = np.flatnonzero(bright.sum(axis=1) > 3), np.flatnonzero(bright.sum(axis=0) > 3)
    letter = bright[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = letter.shape
    assert height > width
    assert letter[:, : width // 4].mean() > 0.9
    assert letter[-height // 8 :].mean() > 0.9
    assert letter[: height // 2, width // 2 :].mean() < 0.1


@pytest.mark.parametrize("name", LOCAL)
@pytest.mark.parametrize("seed", [21, 22, 23])
def test_a_local_finding_changes_its_box_and_nothing_far_from_it(name: FindingName, seed: int) -> None:
    phantom = make_phantom(seed, only=name)
    box, changed = phantom.findings[0].box, difference(phantom)
    margin = 45
    left, top, right, bottom = (int(v) for v in (box.left, box.top, box.right, box.bottom))
    assert changed[top:bottom, left:right].mean() > 100
    changed[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin] = 0
    assert not changed.any()


@pytest.mark.parametrize("name", [name for name in FINDINGS if name != "cardiomegaly"])
def test_a_finding_leaves_exposure_grain_and_hardware_alone(name: FindingName) -> None:
    """Neither the film's margins nor the other lung tell which finding there is."""
    phantom = make_phantom(31, only=name)
    changed = difference(phantom)
    assert changed.max() > 300
    assert not changed[: SIDE // 12].any()
    if phantom.findings[0].side:
        midline = int(phantom.anatomy.stance.to_image(0.0, SIDE / 2)[0])
        other = slice(0, midline - 20) if phantom.findings[0].side == "left" else slice(midline + 20, SIDE)
        assert not changed[:, other].any()


def test_without_a_finding_only_its_own_surroundings_change() -> None:
    """On films with several findings, each in turn is taken away; everything outside its footprint is equal to the pixel."""
    seen: set[FindingName] = set()
    margin = 46
    for seed in range(900, 909):
        phantom = make_phantom(seed, share=0.6)
        whole = phantom.pixels().astype(int)
        for finding in phantom.findings:
            fewer = phantom.without(finding.name)
            assert fewer.findings == tuple(f for f in phantom.findings if f.name != finding.name)
            changed = np.abs(whole - fewer.pixels().astype(int))
            box = finding.box
            left, top, right, bottom = (int(v) for v in (box.left, box.top, box.right, box.bottom))
            if finding.name != "pneumothorax":  # of a pneumothorax the box holds the apex alone
                assert changed[top:bottom, left:right].mean() > 5, (seed, finding.name)
            footprint = np.zeros((SIDE, SIDE), dtype=bool)
            if finding.name in ("pleural effusion", "pneumothorax"):  # the whole lung of its side, below or beside the box
                midline = phantom.anatomy.stance.to_image(np.zeros(SIDE), np.arange(SIDE))[0]
                across = np.arange(SIDE)[None, :] - midline[:, None]
                footprint[max(0, top - margin) :] = (
                    (across > -6)[max(0, top - margin) :] if finding.side == "left" else (across < 6)[max(0, top - margin) :]
                )
            elif finding.name == "edema":
                reach = 130
                footprint[max(0, top - reach) : bottom + reach] = True
            else:
                footprint[max(0, top - margin) : bottom + margin, max(0, left - margin) : right + margin] = True
            assert changed[footprint].max() > 100, (seed, finding.name)
            assert not changed[~footprint].any(), (seed, finding.name)
            seen.add(finding.name)
    assert seen == set(FINDINGS)


def test_without_cardiomegaly_the_heart_has_its_size_from_before() -> None:
    phantom = make_phantom(60, only="cardiomegaly")
    before = phantom.without("cardiomegaly")
    assert before.anatomy == phantom.healthy_anatomy == make_phantom(60, share=0.0).anatomy
    assert replace(before.anatomy, heart_width=0.0) == replace(phantom.anatomy, heart_width=0.0)
    assert before.anatomy.heart_width < before.anatomy.half_width < phantom.anatomy.heart_width
    assert phantom.without("edema") == phantom


def test_an_enlarged_heart_is_wider_than_any_normal_one() -> None:
    def share(phantom: Phantom) -> float:
        return phantom.anatomy.heart_width / (2 * phantom.anatomy.half_width)

    enlarged = [share(make_phantom(seed, only="cardiomegaly")) for seed in range(60)]
    normal = [share(make_phantom(seed, share=0.0)) for seed in range(60)]
    assert max(normal) < 0.5 < min(enlarged)


def test_fluid_brightens_and_free_air_darkens() -> None:
    for name, sign in (("pleural effusion", 1), ("pneumothorax", -1)):
        phantom = make_phantom(41, only=name)
        box = phantom.findings[0].box
        inside = (slice(int(box.top), int(box.bottom)), slice(int(box.left), int(box.right)))
        change = phantom.pixels()[inside].astype(int) - healthy(phantom).pixels()[inside].astype(int)
        assert sign * change.mean() > 50


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**31))
def test_findings_lie_inside_the_film_on_their_own_side_and_apart(seed: int) -> None:
    phantom = make_phantom(seed, share=0.6)
    places = [(finding.side, finding.zone) for finding in phantom.findings]
    assert len(set(places)) == len(places)
    for finding in phantom.findings:
        box = finding.box
        assert 0 <= box.left < box.right <= SIDE
        assert 0 <= box.top < box.bottom <= SIDE
        assert finding.zone in ZONES[finding.name]
        middle = (box.left + box.right) / 2 - float(phantom.anatomy.stance.to_image(0.0, (box.top + box.bottom) / 2)[0])
        assert finding.side is None or (middle > 0) == (finding.side == "left")


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.sampled_from(FINDINGS))
def test_a_reader_finds_every_finding_near_a_usual_place(seed: int, name: FindingName) -> None:
    phantom = make_phantom(seed, only=name)
    box = phantom.findings[0].box
    overlaps = [
        min(box.right, usual.right) > max(box.left, usual.left) and min(box.bottom, usual.bottom) > max(box.top, usual.top)
        for usual in phantom.usual_places(name)
    ]
    assert len(overlaps) == (2 if name == "edema" else len(ZONES[name]) * (1 if name == "cardiomegaly" else 2))
    if name not in ("nodule", "consolidation", "atelectasis"):
        assert any(overlaps)


def test_each_finding_is_present_about_three_times_in_ten() -> None:
    present = [make_phantom(seed).labels for seed in range(600)]
    for name in FINDINGS:
        assert 0.22 < np.mean([name in labels for labels in present]) < 0.36
    assert any(not labels for labels in present)


def test_smooth_noise_has_unit_spread_everywhere() -> None:
    rng = np.random.default_rng(0)
    fields = np.stack([smooth_noise(rng, 9)[::37, ::37] for _ in range(300)])
    assert np.abs(fields.mean(axis=0)).max() < 0.3
    assert np.abs(fields.std(axis=0) - 1).max() < 0.25
