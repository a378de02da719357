from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from egma_core.examples.manifest import Manifest
from egma_core.inference.reference import lacking_films, reference_films


def test_validation_films_of_the_run(tmp_path: Path, toy_manifest: Callable[..., Path]) -> None:
    manifest = Manifest.load(toy_manifest(n=4, n_validation=2))
    checkpoint = tmp_path / "run" / "checkpoints" / "step_000001"
    checkpoint.mkdir(parents=True)
    assert reference_films(checkpoint) == []
    assert "no manifest" in lacking_films(checkpoint)
    manifest.save(tmp_path / "run" / "manifest.json")
    found = reference_films(checkpoint)
    assert {path.resolve() for path in found} == {manifest.film_path(e).resolve() for e in manifest.of("validation")}
    assert found
    assert lacking_films(checkpoint) == ""
    found[0].unlink()
    assert found[0] not in reference_films(checkpoint)
    assert lacking_films(checkpoint).startswith("1 of the 2 validation films")


def test_a_damaged_manifest_gives_no_films(tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoints" / "step_000001"
    checkpoint.mkdir(parents=True)
    (tmp_path / "manifest.json").write_text("{", encoding="utf-8")
    assert reference_films(checkpoint) == []
