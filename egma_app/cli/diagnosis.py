"""What this installation can do, found out without importing anything heavy."""

from __future__ import annotations

import platform
import shutil
from dataclasses import dataclass
from importlib import metadata

from egma_core.interchange.keys import keys_folder
from egma_core.store.sqlite_file import sqlite_version

CUDA_LINE = "An NVIDIA GPU is here, but torch is a CPU build: pip install --force-reinstall torch --index-url https://download.pytorch.org/whl/cu126"


@dataclass(frozen=True)
class Finding:
    """One line of a diagnosis.

    Attributes:
        name: What was looked at.
        state: What was found.
        advice: What to do about it, or "".
    """

    name: str
    state: str
    advice: str = ""


def diagnose() -> list[Finding]:
    """Look at Python, the packages of each extra, the GPU, SQLite and the keys' folder."""
    findings = [
        Finding("egma", metadata.version("egma")),
        Finding("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        Finding("SQLite", sqlite_version()),
        Finding("Keys of libraries", str(keys_folder()), "Back this folder up, apart from the libraries: it links pseudonyms to patients."),
    ]
    findings += [_package(*row) for row in PACKAGES]
    torch = _version("torch")
    if (
        torch is not None
        and shutil.which("nvidia-smi") is not None
        and ("+cpu" in torch or (platform.system() == "Windows" and "+cu" not in torch))
    ):
        findings.append(Finding("GPU", "present, not used", CUDA_LINE))
    return findings


PACKAGES = (
    ("Window", "PySide6-Essentials", "app"),
    ("Plots", "pyqtgraph", "app"),
    ("Training", "torch", "train"),
    ("Pretrained encoders", "transformers", "train"),
    ("Microphone", "sounddevice", "voice"),
    ("Dictation", "moonshine-voice", "voice"),
    ("Times of words", "pocketsphinx", "voice"),
    ("Dictation with Whisper", "faster-whisper", "whisper"),
    ("PACS", "pynetdicom", "pacs"),
    ("Results as DICOM", "highdicom", "dicom-out"),
    ("JPEG, JPEG Lossless", "python-gdcm", ""),
    ("JPEG 2000, HTJ2K", "pylibjpeg-openjpeg", ""),
    ("JPEG-LS", "pyjpegls", ""),
)


def _package(name: str, package: str, extra: str) -> Finding:
    found = _version(package)
    if found is not None:
        return Finding(name, f"{package} {found}")
    wanted = f"egma[{extra}]" if extra else package
    return Finding(name, "not installed", f"pip install '{wanted}'")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
