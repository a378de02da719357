"""Zero-shot prediction from a checkpoint: scores, maps in the film's pixels, cached sentences, and refusals in words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from egma_core.dicom.reader import read_image
from egma_core.dicom.writer import FilmTags, write_film
from egma_core.errors import CheckpointError, ConfigError, DamagedImageError, ImageError
from egma_core.inference import predictor as predictor_module
from egma_core.inference.bank import ClassScore
from egma_core.inference.films import open_film
from egma_core.inference.predictor import Predictor
from egma_core.inference.prompts import PromptSet
from egma_core.inference.similarity import on_image
from egma_core.model.checkpoint import save_model
from egma_core.model.config import ModelConfig, TextConfig, VisionConfig
from egma_core.model.egma import Egma
from egma_core.model.tokens import TokenBatch, WordTokenizer

SENTENCES = ["mark on the left", "mark on the right", "no mark"]
PROMPTS = PromptSet("sides", {"left": ("mark on the left",), "other": ("mark on the right", "no mark")})


def make(folder: Path, *, score: str = "fine_grained") -> Path:
    torch.manual_seed(0)
    text = TextConfig(width=16, layers=1)
    config = ModelConfig(VisionConfig(size_px=64, width=16), text, embed_dim=8, score=score)
    model = Egma(config, WordTokenizer.build(SENTENCES, text))
    model.log_scale.data.fill_(float(np.log(5.0)))
    save_model(folder, model, {})
    return folder


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("model") / "checkpoint")


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("films")
    random = np.random.default_rng(0)
    shapes = [(90, 70), (70, 91), (64, 64), (51, 133), (128, 40)]
    for i, shape in enumerate(shapes):
        pixels = random.integers(0, 4096, shape).astype(np.uint16)
        write_film(folder / f"{i}.dcm", pixels, FilmTags("P1", "1.2.1", f"1.2.1.{i}", f"1.2.1.{i}.1", bits_stored=12))
    return [folder / f"{i}.dcm" for i in range(len(shapes))]


def test_scores_are_scaled_cosines(checkpoint: Path, films: list[Path]) -> None:
    predictor = Predictor(checkpoint)
    film = predictor.encode(films[0])
    prediction = predictor.predict(film, PROMPTS)
    np.testing.assert_allclose(prediction.sentence_scores, [5.0 * m.cosine.max() for m in prediction.maps], rtol=1e-5)
    np.testing.assert_allclose(prediction.scores, [prediction.sentence_scores[0], prediction.sentence_scores[1:].mean()], rtol=1e-5)
    exponentials = np.exp(prediction.scores)
    np.testing.assert_allclose(prediction.probabilities, exponentials / exponentials.sum(), rtol=1e-5)
    assert prediction.classes == ("left", "other")
    assert prediction.sentences == ("mark on the left", "mark on the right", "no mark")


def test_the_checkpoint_decides_the_score(tmp_path: Path, films: list[Path]) -> None:
    predictor = Predictor(make(tmp_path / "global", score="global"))
    film = predictor.encode(films[0])
    with torch.no_grad():
        texts = predictor.model.encode_sentences(predictor.model.tokenizer.encode(SENTENCES))
    np.testing.assert_allclose(predictor.predict(film, SENTENCES).sentence_scores, 5.0 * (texts @ film.pooled).numpy(), rtol=1e-5)


@pytest.mark.parametrize("score", ["fine_grained", "global"])
def test_centring_takes_out_what_every_film_answers_to(tmp_path: Path, films: list[Path], score: str) -> None:
    predictor = Predictor(make(tmp_path / "checkpoint", score=score))
    encoded = list(predictor.encode_many(films))
    plain = np.array([predictor.predict(film, SENTENCES).sentence_scores for film in encoded])
    maps = predictor.predict(encoded[4], SENTENCES).maps
    predictor.centre_on(encoded[:4])
    centred = np.array([predictor.predict(film, SENTENCES).sentence_scores for film in encoded])
    np.testing.assert_allclose(centred, plain - plain[:4].mean(axis=0), atol=1e-5)
    np.testing.assert_array_equal(predictor.predict(encoded[4], SENTENCES).maps[0].cosine, maps[0].cosine)
    predictor.centre_on([])
    np.testing.assert_array_equal(predictor.predict(encoded[0], SENTENCES).sentence_scores, plain[0])


def test_maps_are_the_cosines_of_cells_on_the_film(checkpoint: Path, films: list[Path]) -> None:
    predictor = Predictor(checkpoint)
    film = predictor.encode(films[3])
    first, *_ = predictor.predict(film, PROMPTS).maps
    assert first.sentence == "mark on the left"
    assert first.image_shape == (51, 133)
    with torch.no_grad():
        texts = predictor.model.encode_sentences(predictor.model.tokenizer.encode(["mark on the left"]))
    np.testing.assert_allclose(first.cosine.ravel(), (film.patches @ texts[0]).numpy(), rtol=1e-4, atol=1e-6)
    spread = on_image(first)
    assert spread.shape == (51, 133)
    assert np.isfinite(spread).all()


def test_a_film_a_path_and_an_encoding_give_the_same(checkpoint: Path, films: list[Path]) -> None:
    predictor = Predictor(checkpoint)
    for film in (films[0], str(films[0]), read_image(films[0])):
        np.testing.assert_array_equal(
            predictor.predict(film, PROMPTS).scores, predictor.predict(predictor.encode(films[0]), PROMPTS).scores
        )


def test_many_films_at_once(checkpoint: Path, films: list[Path]) -> None:
    predictor = Predictor(checkpoint)
    together = list(predictor.encode_many(films, batch_size=2))
    assert [film.image_shape for film in together] == [(90, 70), (70, 91), (64, 64), (51, 133), (128, 40)]
    for film, path in zip(together, films, strict=True):
        torch.testing.assert_close(film.patches, predictor.encode(path).patches, atol=1e-5, rtol=0)
        assert film.grid == predictor.encode(path).grid


def test_sentences_alone_are_classes_of_their_own(checkpoint: Path, films: list[Path]) -> None:
    predictor = Predictor(checkpoint)
    prediction = predictor.predict(films[0], ["no mark", "mark on the left", "no mark"])
    assert prediction.classes == prediction.sentences == ("no mark", "mark on the left", "no mark")
    assert len(prediction.maps) == 3
    np.testing.assert_array_equal(prediction.maps[0].cosine, prediction.maps[2].cosine)
    assert predictor.predict(films[0], "no mark").classes == ("no mark",)


def test_a_sentence_is_encoded_once(checkpoint: Path, films: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = Predictor(checkpoint)
    encoded: list[int] = []
    encode = predictor.model.encode_sentences

    def counted(tokens: TokenBatch) -> Tensor:
        encoded.append(len(tokens))
        return encode(tokens)

    monkeypatch.setattr(predictor.model, "encode_sentences", counted)
    before = predictor.predict(films[0], PROMPTS)
    after = predictor.predict(films[0], PROMPTS)
    predictor.predict(films[0], ["no mark", "a mark"])
    assert encoded == [3, 1]
    np.testing.assert_array_equal(before.scores, after.scores)


def scores_of(checkpoint: Path, film: Path, class_score: ClassScore) -> tuple[np.ndarray, Predictor]:
    predictor = Predictor(checkpoint, class_score=class_score)
    return predictor.predict(film, PROMPTS).scores, predictor


def test_three_ways_from_sentences_to_a_class(tmp_path: Path, films: list[Path]) -> None:
    folder = make(tmp_path / "global", score="global")
    mean, predictor = scores_of(folder, films[0], "mean")
    best, _ = scores_of(folder, films[0], "max")
    ensemble, _ = scores_of(folder, films[0], "ensemble")
    sentences = predictor.predict(films[0], PROMPTS).sentence_scores
    assert mean[1] == pytest.approx(sentences[1:].mean(), abs=1e-5)
    assert best[1] == sentences[1:].max()
    with torch.no_grad():
        texts = predictor.model.encode_sentences(predictor.model.tokenizer.encode(SENTENCES[1:]))
    together = texts.mean(dim=0) / texts.mean(dim=0).norm()
    assert ensemble[1] == pytest.approx(5.0 * float(together @ predictor.encode(films[0]).pooled), abs=1e-4)
    assert mean[0] == pytest.approx(ensemble[0], abs=1e-5) == best[0]
    with pytest.raises(ConfigError, match="ensemble"):
        Predictor(folder, class_score="median")  # pyright: ignore[reportArgumentType] - the wrong value is the point


@pytest.mark.parametrize("class_score", ["mean", "ensemble", "max"])
def test_a_class_is_centred_on_its_own_scores(checkpoint: Path, films: list[Path], class_score: ClassScore) -> None:
    plain = np.mean([scores_of(checkpoint, film, class_score)[0] for film in films[:3]], axis=0)
    before, predictor = scores_of(checkpoint, films[4], class_score)
    predictor.centre_on(predictor.encode_many(films[:3]))
    np.testing.assert_allclose(predictor.predict(films[4], PROMPTS).scores, before - plain, atol=1e-5)


def test_remembered_films_are_read_once(checkpoint: Path, films: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(predictor_module, "open_film", lambda path, frame: (opened.append(path.name), open_film(path, frame))[1])
    predictor = Predictor(checkpoint)
    predictor.remember([*films[:3], films[0]])
    predictor.remember(films[:4])
    for film in films[:4]:
        predictor.predict(film, PROMPTS)
    assert opened == ["0.dcm", "1.dcm", "2.dcm", "3.dcm"]
    opened.clear()
    np.testing.assert_allclose(
        predictor.predict(films[1], PROMPTS).scores, Predictor(checkpoint).predict(films[1], PROMPTS).scores, atol=1e-5
    )
    monkeypatch.setattr(predictor_module, "KEPT_BYTES", 1)
    predictor.remember(films)
    predictor.predict(films[4], PROMPTS)
    predictor.predict(films[0], PROMPTS)
    assert opened[-1] == "0.dcm" and opened.count("4.dcm") == 1


def test_scores_of_many_films_are_those_of_each(checkpoint: Path, films: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    predictor = Predictor(checkpoint)
    predictor.centre_on(predictor.encode_many(films[:2]))
    monkeypatch.setattr(predictor_module, "FILMS_AT_ONCE", 2)
    together = predictor.sentence_scores(films, SENTENCES)
    np.testing.assert_allclose(together, [predictor.predict(film, SENTENCES).sentence_scores for film in films], atol=1e-5)


def test_features_are_the_image_encoders_own(checkpoint: Path, films: list[Path]) -> None:
    predictor = Predictor(checkpoint)
    rows = list(predictor.features(films, batch_size=2))
    assert [row.shape for row in rows] == [(16,)] * 5
    with torch.no_grad():
        projected = predictor.model.vision_projection(torch.from_numpy(np.stack(rows)))
    np.testing.assert_allclose(
        projected / projected.norm(dim=1, keepdim=True), [film.pooled.numpy() for film in predictor.encode_many(films)], atol=1e-5
    )


def test_pictures_of_public_sets_are_films_too(checkpoint: Path, tmp_path: Path) -> None:
    pixels = np.random.default_rng(2).integers(0, 256, (60, 50)).astype(np.uint8)
    write_film(tmp_path / "film.dcm", pixels, FilmTags("P1", "1.2.1", "1.2.1.1", "1.2.1.1.1"))
    Image.fromarray(pixels).save(tmp_path / "film.png")
    Image.fromarray(pixels).save(tmp_path / "named wrongly.dcm", "PNG")
    predictor = Predictor(checkpoint)
    scores = [predictor.predict(tmp_path / name, PROMPTS).scores for name in ("film.dcm", "film.png", "named wrongly.dcm")]
    np.testing.assert_array_equal(scores[0], scores[1])
    np.testing.assert_array_equal(scores[0], scores[2])
    Image.fromarray(pixels.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    assert np.isfinite(predictor.predict(tmp_path / "deep.png", PROMPTS).scores).all()
    (tmp_path / "torn.png").write_bytes((tmp_path / "film.png").read_bytes()[:100])
    with pytest.raises(DamagedImageError):
        predictor.encode(tmp_path / "torn.png")


def test_polarity_does_not_change_the_answer(checkpoint: Path, tmp_path: Path) -> None:
    import pydicom

    pixels = np.random.default_rng(1).integers(0, 4096, (60, 50)).astype(np.uint16)
    write_film(tmp_path / "plain.dcm", pixels, FilmTags("P1", "1.2.1", "1.2.1.1", "1.2.1.1.1", bits_stored=12))
    inverted = pydicom.dcmread(tmp_path / "plain.dcm")
    inverted.PhotometricInterpretation = "MONOCHROME1"
    inverted.PixelData = (4095 - pixels).astype("<u2").tobytes()
    inverted.save_as(tmp_path / "inverted.dcm")
    predictor = Predictor(checkpoint)
    scores = [predictor.predict(tmp_path / name, PROMPTS).scores for name in ("plain.dcm", "inverted.dcm")]
    np.testing.assert_allclose(*scores, atol=0.02)


def test_real_films(checkpoint: Path, shared_data: Path) -> None:
    predictor = Predictor(checkpoint)
    found = sorted((shared_data / "dicom" / "real").glob("RG1_*.dcm"))
    assert found
    for path in found:
        prediction = predictor.predict(path, PROMPTS)
        assert np.isfinite(prediction.scores).all()
        assert on_image(prediction.maps[0]).shape == prediction.maps[0].image_shape


@pytest.mark.parametrize("prompts", [[], PromptSet("none", {}), PromptSet("empty", {"a": ("mark",), "b": ()}), [" "]])
def test_prompts_that_say_nothing(checkpoint: Path, films: list[Path], prompts: PromptSet | list[str]) -> None:
    with pytest.raises(ConfigError):
        Predictor(checkpoint).predict(films[0], prompts)


def test_files_that_are_no_films(checkpoint: Path, films: list[Path], tmp_path: Path) -> None:
    predictor = Predictor(checkpoint)
    (tmp_path / "text.dcm").write_text("not a film", encoding="utf-8")
    with pytest.raises(DamagedImageError):
        predictor.encode(tmp_path / "text.dcm")
    with pytest.raises(ImageError):
        predictor.encode(tmp_path / "nowhere.dcm")
    with pytest.raises(ImageError):
        predictor.encode(films[0], frame=3)


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    text = TextConfig(width=16, layers=1)
    model = Egma(ModelConfig(VisionConfig(size_px=64, width=16), text, embed_dim=8), WordTokenizer.build(SENTENCES, text))
    with torch.no_grad():
        model.vision_projection.weight[0, 0] = float("nan")
    save_model(tmp_path / "diverged", model, {})
    with pytest.raises(CheckpointError, match="no numbers"):
        Predictor(tmp_path / "diverged")


@pytest.mark.parametrize("device", ["gpu of the future", "cuda"])
def test_devices_that_are_not_there(checkpoint: Path, device: str) -> None:
    if device == "cuda" and torch.cuda.is_available():
        pytest.skip("this machine has one")
    with pytest.raises(ConfigError):
        Predictor(checkpoint, device)
