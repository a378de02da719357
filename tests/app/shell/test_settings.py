from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QByteArray

from egma_app.settings import Preferences, Settings, settings_path
from egma_core.errors import ConfigError
from egma_core.options import options_of


def test_settings_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "settings.ini"
    settings = Settings(path)
    assert settings.values == Preferences()
    settings.update(reader="R. Röntgen", screen_width_mm=527, left_drag="pan")
    settings.keep_layout("window", QByteArray(b"\x00\x01geometry"))
    again = Settings(path)
    assert again.values == Preferences(reader="R. Röntgen", screen_width_mm=527.0, left_drag="pan")
    assert again.layout("window") == QByteArray(b"\x00\x01geometry")
    assert again.layout("nothing").isEmpty()


def test_place_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EGMA_SETTINGS", str(tmp_path / "mine.ini"))
    assert settings_path() == tmp_path / "mine.ini"
    monkeypatch.delenv("EGMA_SETTINGS")
    assert settings_path().name == "settings.ini" and settings_path().parent.name == "egma"


def test_unsound_values_are_refused_and_unsound_files_survived(tmp_path: Path) -> None:
    path = tmp_path / "settings.ini"
    settings = Settings(path)
    with pytest.raises(ConfigError):
        settings.update(screen_width_mm=-1.0)
    with pytest.raises(ConfigError):
        settings.update(patient_name="X")
    path.write_text("[preferences]\nscreen_width_mm=wide\nleft_drag=crystal_ball\nreader=Ada\nunheard_of=1\n", encoding="utf-8")
    assert Settings(path).values == Preferences(reader="Ada")


def test_every_setting_says_what_it_is() -> None:
    assert all(declared.help.endswith((".", "it.")) for declared in options_of(Preferences))
    assert not any("patient" in declared.name for declared in options_of(Preferences))
