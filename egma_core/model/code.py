"""Which code computed something: a hash of this package's own sources, and the commit they are from where that is known."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
COMMIT_DIGITS = (40, 64)


@cache
def code_version() -> dict[str, str]:
    """The package's `egma` version, `code` (hexadecimal SHA-256 of its sources as they lie here), and `commit` in a checkout.

    The hash tells apart what has one version number: work in progress, and a copy that somebody changed.
    """
    found = {"egma": version("egma"), "code": source_hash(PACKAGE)}
    commit = head_commit(PACKAGE.parent)
    return {**found, "commit": commit} if commit else found


def source_hash(package: Path) -> str:
    """Hexadecimal SHA-256 of a package's Python sources, whatever their line ends and wherever they lie."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py"), key=lambda path: path.relative_to(package).as_posix()):
        content = path.read_bytes().replace(b"\r\n", b"\n")
        digest.update(f"{path.relative_to(package).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def head_commit(folder: Path) -> str:
    """The commit that a checkout in this very folder stands at, read without running git; "" where there is none."""
    try:
        git = folder / ".git"
        if git.is_file():  # a worktree
            git = (folder / _text(git).removeprefix("gitdir:").strip()).resolve()
        head = _text(git / "HEAD")
        if head.startswith("ref:"):
            name = head.removeprefix("ref:").strip()
            common = git / _text(git / "commondir") if (git / "commondir").is_file() else git
            head = _text(common / name) if (common / name).is_file() else _packed(common, name)
    except (OSError, UnicodeDecodeError):
        return ""
    return head if len(head) in COMMIT_DIGITS and set(head) <= set("0123456789abcdef") else ""


def _packed(git: Path, name: str) -> str:
    lines = _text(git / "packed-refs").splitlines()
    return next((commit for commit, _, ref in (line.partition(" ") for line in lines) if ref == name), "")


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8").strip()
