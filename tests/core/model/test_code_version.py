"""The code's version: a hash of the sources that changes with them alone, and the commit of a checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from egma_core.model.code import code_version, head_commit, source_hash
from egma_core.model.sources import without_folders

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def test_the_hash_is_of_the_sources_and_not_of_their_line_ends_or_place(tmp_path: Path) -> None:
    for name, end in (("here", "\n"), ("there", "\r\n")):
        (tmp_path / name / "part").mkdir(parents=True)
        (tmp_path / name / "part" / "a.py").write_text(f"a = 1{end}b = 2{end}", encoding="utf-8", newline="")
        (tmp_path / name / "notes.txt").write_text(name, encoding="utf-8")
    before = source_hash(tmp_path / "here")
    assert source_hash(tmp_path / "there") == before
    (tmp_path / "here" / "part" / "a.py").write_text("a = 1\nb = 3\n", encoding="utf-8")
    assert source_hash(tmp_path / "here") != before
    assert len(code_version()["code"]) == 64


@pytest.mark.parametrize("kind", ["detached", "branch", "packed", "worktree", "none", "torn"])
def test_the_commit_of_a_checkout_is_found_without_git(tmp_path: Path, kind: str) -> None:
    git = tmp_path / ".git"
    if kind == "worktree":
        git.write_text("gitdir: elsewhere/worktrees/x\n", encoding="utf-8")
        main, git = tmp_path / "elsewhere", tmp_path / "elsewhere" / "worktrees" / "x"
        git.mkdir(parents=True)
        (git / "commondir").write_text("../..\n", encoding="utf-8")
        (main / "refs" / "heads").mkdir(parents=True)
        (main / "refs" / "heads" / "x").write_text(COMMIT + "\n", encoding="utf-8")
        (git / "HEAD").write_text("ref: refs/heads/x\n", encoding="utf-8")
    elif kind != "none":
        (git / "refs" / "heads").mkdir(parents=True)
        (git / "HEAD").write_text(f"{COMMIT}\n" if kind == "detached" else "ref: refs/heads/main\n", encoding="utf-8")
        if kind == "branch":
            (git / "refs" / "heads" / "main").write_text(COMMIT + "\n", encoding="utf-8")
        if kind == "packed":
            (git / "packed-refs").write_text(f"# pack-refs\n{COMMIT[::-1]} refs/heads/other\n{COMMIT} refs/heads/main\n", encoding="utf-8")
    assert head_commit(tmp_path) == ("" if kind in ("none", "torn") else COMMIT)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("", ""),
        ("microsoft/swin-tiny-patch4-window7-224", "microsoft/swin-tiny-patch4-window7-224"),
        ("bert-base-uncased", "bert-base-uncased"),
        ("/home/anna/models/swin", "swin"),
        ("~/models/swin/", "swin"),
        ("../swin", "swin"),
        (r"C:\Users\Anna\swin", "swin"),
        (r"\\server\share\models\swin", "swin"),
        ("models/of/swin", "swin"),
    ],
)
def test_folders_are_not_told(source: str, told: str) -> None:
    assert without_folders(source) == told
