"""Test films without one finding: equal to the pixel elsewhere, also as a model sees them, and refused where drawing has changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from egma_core.ablation.counterfactual import draw_without, load_without, pictures_without
from egma_core.dicom.display import render
from egma_core.dicom.reader import read_image
from egma_core.errors import ConfigError
from egma_core.model.preprocess import prepare, square_picture
from egma_core.synthetic.anatomy import SIDE
from egma_core.synthetic.films import Phantom, make_phantom
from egma_core.synthetic.findings import FindingName
from egma_core.synthetic.phantoms import film_name, write_phantom

SIZE = 128
LOCAL: tuple[FindingName, ...] = ("consolidation", "nodule", "atelectasis", "hilar enlargement", "cardiomegaly")


def film_of(folder: Path, phantom: Phantom) -> Path:
    write_phantom(folder, phantom)
    return folder / film_name(phantom)


@pytest.mark.parametrize("seed", [903, 904, 905])
def test_what_a_model_sees_is_equal_outside_the_findings_footprint(tmp_path: Path, seed: int) -> None:
    phantom = make_phantom(seed, share=0.6)
    film = read_image(film_of(tmp_path, phantom))
    own = square_picture(render(film), SIZE).astype(int)
    pictures = pictures_without(phantom, film, SIZE)
    assert pictures.shape == (len(phantom.findings), SIZE, SIZE)
    for picture, finding in zip(pictures, phantom.findings, strict=True):
        changed = np.abs(picture - own)
        assert changed.max() > 10, finding.name
        assert not changed[: SIZE // 12].any()  # not even the tones of the margin, which a window of its own would shift
        if finding.name in LOCAL:
            left, top, right, bottom = (v / SIDE * SIZE for v in (finding.box.left, finding.box.top, finding.box.right, finding.box.bottom))
            reach = 46 / SIDE * SIZE + 2
            rows, columns = np.ogrid[:SIZE, :SIZE]
            near = (rows > top - reach) & (rows < bottom + reach) & (columns > left - reach) & (columns < right + reach)
            assert not changed[~near].any(), finding.name


def test_the_picture_with_the_finding_is_the_one_that_models_are_shown(tmp_path: Path) -> None:
    """So that the two differ by the finding alone: the same rendering, padding and resizing."""
    phantom = replace(make_phantom(907, only="nodule"), findings=())
    film = read_image(film_of(tmp_path, phantom))
    assert pictures_without(phantom, film, SIZE).shape == (0, SIZE, SIZE)
    with_nodule = make_phantom(907, only="nodule")
    without = pictures_without(with_nodule, replace(film, pixels=with_nodule.pixels()[None]), SIZE)
    shown = prepare(film, SIZE).pixels
    assert np.abs((without[0] / 255 - 0.5862785803) / 0.2795008897 - shown[0]).mean() < 0.01


def test_a_film_that_the_program_would_draw_otherwise_is_refused(tmp_path: Path) -> None:
    phantom = make_phantom(905, share=0.6)
    film = film_of(tmp_path, phantom)
    with pytest.raises(ConfigError, match="otherwise"):
        draw_without(film, phantom.without(phantom.findings[0].name), SIZE, tmp_path / "without.npy")
    assert not (tmp_path / "without.npy").exists()


def test_pictures_are_kept_and_damaged_ones_are_named(tmp_path: Path) -> None:
    phantom = make_phantom(905, share=0.6)
    film, kept = film_of(tmp_path, phantom), tmp_path / "without" / "one.npy"
    draw_without(film, phantom, SIZE, kept)
    pictures = load_without(kept, phantom, SIZE)
    assert np.array_equal(pictures, pictures_without(phantom, read_image(film), SIZE))
    assert [path.name for path in kept.parent.iterdir()] == ["one.npy"]
    written = kept.stat().st_mtime_ns
    draw_without(film, phantom, SIZE, kept)
    assert kept.stat().st_mtime_ns == written
    for phantom_, size in ((phantom, SIZE + 1), (phantom.without(phantom.findings[0].name), SIZE)):
        with pytest.raises(ConfigError, match=r"one\.npy"):
            load_without(kept, phantom_, size)
    kept.write_bytes(kept.read_bytes()[:-1])
    with pytest.raises(ConfigError, match=r"one\.npy"):
        load_without(kept, phantom, SIZE)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_without(tmp_path / "none.npy", phantom, SIZE)
