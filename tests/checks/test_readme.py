"""The README's tables come from the code; EGMA_UPDATE_README=1 writes them anew."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
from collections.abc import Iterable
from pathlib import Path

import click
import pytest

README = Path(__file__).resolve().parents[2] / "README.md"


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in [head, *rows]]
    lines.insert(1, "|" + "---|" * len(head))
    return "\n".join(lines)


def commands() -> str:
    from egma_app.cli.main import main

    def walk(command: click.Command, name: str) -> Iterable[tuple[str, str]]:
        if isinstance(command, click.Group):
            for child, part in command.commands.items():
                yield from walk(part, f"{name} {child}")
        else:
            arguments = [p.make_metavar(click.Context(command)) for p in command.params if isinstance(p, click.Argument)]
            yield " ".join([f"`{name}", *arguments]) + "`", command.get_short_help_str(200)

    return table(("command", "what it does"), walk(main, "egma"))


def keys() -> str:
    pytest.importorskip("PySide6", reason="the table of actions needs PySide6")
    from egma_app.actions import ACTIONS

    rows = ((a.workspace or "everywhere", a.title.rstrip("…"), f"`{a.shortcut}`" if a.shortcut else "", a.help) for a in ACTIONS)
    return table(("where", "action", "keys", "what it does"), rows)


def training() -> str:
    import dataclasses

    from egma_core.options import options_of
    from egma_core.training.config import TrainingConfig

    def walk(kind: type, prefix: str) -> Iterable[tuple[str, str, str]]:
        for option in options_of(kind):
            if dataclasses.is_dataclass(option.kind):
                yield from walk(option.kind, f"{prefix}{option.name}.")
            else:
                shown = f"{option.default:.4g}" if isinstance(option.default, float) else str(option.default)
                yield f"`{prefix}{option.name}`", f"{shown} {option.unit}".strip(), option.help

    return table(("setting", "default", "what it does"), walk(TrainingConfig, ""))


@pytest.mark.parametrize("made", [commands, keys, training], ids=lambda made: made.__name__)
def test_table_is_the_codes(made) -> None:
    name, text = made.__name__, README.read_text(encoding="utf-8")
    pattern = re.compile(rf"(<!-- {name} -->\n).*?(\n<!-- /{name} -->)", re.DOTALL)
    current = made()
    if os.environ.get("EGMA_UPDATE_README"):
        README.write_text(pattern.sub(lambda m: m[1] + current + m[2], text), encoding="utf-8")
    found = pattern.search(README.read_text(encoding="utf-8"))
    assert found is not None
    assert found[0] == f"<!-- {name} -->\n{current}\n<!-- /{name} -->"


def test_query_fits_the_schema(tmp_path: Path) -> None:
    from egma_core.store.store import Store

    (query,) = re.findall(r"```sql\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    Store.open(tmp_path / "library.sqlite", create=True).close()
    with contextlib.closing(sqlite3.connect(tmp_path / "library.sqlite")) as connection:
        assert connection.execute(query).fetchall() == []


def test_first_screen_holds_the_two_commands() -> None:
    first_screen = "\n".join(README.read_text(encoding="utf-8").splitlines()[:30])
    assert "egma demo" in first_screen
    assert "python -m pytest" in first_screen
