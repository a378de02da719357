from __future__ import annotations

import csv
import subprocess
import sys
import textwrap
import types
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from egma_core.errors import ConfigError, MissingExtraError, SpeechError
from egma_core.speech.audio import read_wav
from egma_core.speech.spoken import tokens
from egma_core.speech.transcriber import engines, open_transcriber

RATE = 16_000


def word_errors(expected: list[str], heard: list[str]) -> int:
    """Levenshtein's distance in words."""
    row = list(range(len(heard) + 1))
    for i, want in enumerate(expected, 1):
        before, row = row, [i]
        for j, got in enumerate(heard, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (want != got)))
    return row[-1]


def test_moonshine_hears_real_speech_nearly_to_the_letter(shared_data: Path) -> None:
    pytest.importorskip("moonshine_voice")
    pytest.importorskip("pocketsphinx")
    transcriber = open_transcriber("moonshine")
    folder = shared_data / "speech"
    with (folder / "transcripts.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    errors = n = 0
    for row in rows:
        samples, rate = read_wav(folder / row["file"])
        transcript = transcriber.transcribe(samples, rate)
        heard = [word for token in tokens(transcript.text) for word in token.spoken]
        errors, n = errors + word_errors(row["text"].split(), heard), n + len(row["text"].split())
        assert transcript.engine == "moonshine"
        assert len(transcript.words) == len([token for token in tokens(transcript.text) if token.spoken])
        assert all(0 <= word.onset_s <= word.offset_s <= len(samples) / rate for word in transcript.words)
    assert errors / n <= 0.1
    assert transcriber.transcribe(np.zeros(RATE, np.int16), RATE).words == ()
    assert transcriber.transcribe(np.zeros(10, np.int16), RATE).words == ()
    transcriber.close()


def test_moonshine_needs_no_network() -> None:
    pytest.importorskip("moonshine_voice")
    program = """
        import socket
        def refuse(*_):
            raise AssertionError("the network was asked for")
        socket.socket.connect = socket.create_connection = socket.getaddrinfo = refuse
        import numpy as np
        from egma_core.speech.transcriber import open_transcriber
        transcriber = open_transcriber("moonshine")
        transcriber.transcribe(np.random.default_rng(0).normal(0, 500, 16000).astype(np.int16), 16000)
        import sys
        assert "torch" not in sys.modules and "transformers" not in sys.modules
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="no engine 'dragon'"):
        open_transcriber("dragon")
    with pytest.raises(ConfigError, match="brings its own model"):
        open_transcriber("moonshine", "somewhere")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    monkeypatch.setattr("sys.platform", "darwin")
    assert "macOS" in engines()["moonshine"]
    monkeypatch.setattr("sys.platform", "linux")
    assert "egma[voice]" in engines()["moonshine"]
    assert "egma[whisper]" in engines()["whisper"]
    with pytest.raises(MissingExtraError, match=r"egma\[voice\]"):
        open_transcriber("moonshine")


def test_a_moonshine_without_its_model_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "moonshine_voice"
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    spec = types.SimpleNamespace(origin=str(package / "__init__.py"))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: spec)
    with pytest.raises(SpeechError, match="no model"):
        open_transcriber("moonshine")


class Piece(NamedTuple):
    word: str
    start: float
    end: float
    probability: float


class FakeWhisper(types.ModuleType):
    """faster_whisper as far as it is used: what it is asked is kept, what it hears is given."""

    def __init__(self, pieces: list[Piece], trouble: Exception | None = None) -> None:
        super().__init__("faster_whisper")
        self.asked: dict[str, Any] = {}
        fake = self

        class WhisperModel:
            def __init__(self, path: str, **options: Any) -> None:
                fake.asked |= {"path": path, **options}
                if trouble:
                    raise trouble

            def transcribe(self, audio: np.ndarray, **options: Any) -> tuple[Any, None]:
                assert audio.dtype == np.float32
                assert np.abs(audio).max() <= 1.0
                fake.asked |= options
                segments = [
                    types.SimpleNamespace(words=pieces[:3]),
                    types.SimpleNamespace(words=None),
                    types.SimpleNamespace(words=pieces[3:]),
                ]
                return iter(segments), None

        self.WhisperModel = WhisperModel


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def test_whisper_is_asked_for_words_from_a_local_folder_only(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = [
        Piece(" No", 0.1, 0.3, 0.9),
        Piece(" pneumo", 0.3, 0.6, 0.8),
        Piece("thorax", 0.6, 0.9, 0.6),
        Piece(" -", 1.0, 1.0, 0.2),
        Piece(" 3.5", 1.0, 1.4, 0.9),
        Piece(" cm.", 1.4, 1.6, 0.7),
    ]
    fake = FakeWhisper(pieces)
    monkeypatch.setitem(sys.modules, "faster_whisper", fake)
    transcriber = open_transcriber("whisper", folder)
    transcript = transcriber.transcribe(np.full(RATE, 1000, np.int16), RATE)
    assert fake.asked["path"] == str(folder)
    assert fake.asked["local_files_only"] is True
    assert fake.asked["word_timestamps"] is True
    assert transcript.text == "No pneumothorax - 3.5 cm."
    assert [(word.text, word.onset_s, word.offset_s, word.confidence) for word in transcript.words] == [
        ("No", 0.1, 0.3, 0.9),
        ("pneumothorax", 0.3, 0.9, 0.6),
        ("3.5", 1.0, 1.4, 0.9),
        ("cm", 1.4, 1.6, 0.7),
    ]
    assert transcript.aligner == "whisper"


def test_whisper_without_a_whole_folder_is_refused_before_anything_is_fetched(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeWhisper([])
    monkeypatch.setitem(sys.modules, "faster_whisper", fake)
    for model, words in ((None, "needs a model"), (tmp_path / "none", "no folder")):
        with pytest.raises(ConfigError, match=words):
            open_transcriber("whisper", model)
    (folder / "tokenizer.json").unlink()  # it would be downloaded
    with pytest.raises(ConfigError, match=r"lacks tokenizer\.json"):
        open_transcriber("whisper", folder)
    assert fake.asked == {}


def test_a_model_that_does_not_load_is_said_in_words(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faster_whisper", FakeWhisper([], RuntimeError("Unsupported model binary version")))
    with pytest.raises(SpeechError, match="cannot be loaded"):
        open_transcriber("whisper", folder)
    monkeypatch.setitem(sys.modules, "faster_whisper", None)
    with pytest.raises(MissingExtraError, match=r"egma\[whisper\]"):
        open_transcriber("whisper", folder)


def test_the_real_library_refuses_a_folder_that_holds_no_model(folder: Path) -> None:
    pytest.importorskip("faster_whisper")
    with pytest.raises(SpeechError, match="cannot be loaded"):
        open_transcriber("whisper", folder)
