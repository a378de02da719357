"""What every part of the `egma` command shares: errors in words, common options, progress bars."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from egma_core.errors import ConfigError, EgmaError

FOLDER = click.Path(file_okay=False, path_type=Path)
FILE = click.Path(dir_okay=False, path_type=Path)
PATH = click.Path(path_type=Path)
Advance = Callable[[int, int], None]

store_option = click.option("--store", "library", required=True, metavar="LIBRARY", help="The library: a SQLite file, or a database URL.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else.")


class Command(click.Group):
    """Turns the project's errors into two sentences and an exit status, so that no traceback reaches a person."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own signature
        """The commands in the order of the data flow."""
        return list(self.commands)

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Run, and leave with 0, 2 (something a person can mend), 70 (a defect of ours) or 130 (stopped)."""
        try:
            return super().main(*args, **{**kwargs, "standalone_mode": False})
        except click.ClickException as error:
            error.show()
            sys.exit(error.exit_code)
        except (click.Abort, KeyboardInterrupt):
            click.echo("Stopped. What was finished is kept.", err=True)
            sys.exit(130)
        except EgmaError as error:
            click.echo(f"egma: {error}", err=True)
            sys.exit(2)
        except Exception as error:  # the outer edge: a defect of ours is said in a line, its trace kept for EGMA_DEBUG
            logging.getLogger("egma").debug("unforeseen", exc_info=error)
            kind = type(error).__name__
            click.echo(
                f"egma: something unforeseen went wrong ({kind}). Run it again with EGMA_DEBUG=1 and report what it prints.", err=True
            )
            sys.exit(70)


@click.group(cls=Command, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="egma")
@click.pass_context
def egma(context: click.Context) -> None:
    """Read chest films with eyes and words recorded, train EGMA on the readings, see what the model learned.

    Without a command, the window opens.
    """
    logging.basicConfig(level=logging.DEBUG if os.environ.get("EGMA_DEBUG") else logging.CRITICAL)
    if context.invoked_subcommand is None:
        context.invoke(egma.commands["app"])


def print_json(value: Mapping[str, Any]) -> None:
    """Print one JSON object."""
    click.echo(json.dumps(value, indent=2))


def pairs(values: tuple[str, ...], option: str, example: str = "labels=finding_labels") -> dict[str, str]:
    """Read repeated NAME=VALUE options.

    Raises:
        ConfigError: One is not of that form.
    """
    read: dict[str, str] = {}
    for pair in values:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise ConfigError(f"{option} {pair} is not of the form NAME=VALUE.", f"For example: {option} {example}")
        read[name.strip()] = value.strip()
    return read


@contextmanager
def bar(title: str, *, shown: bool = True) -> Generator[Advance, None, None]:
    """A progress bar with the time left, on standard error while that is a terminal; a callback (done, total) moves it."""
    with stages({title: 1.0}, shown=shown) as advance:
        yield lambda done, total: advance(title, done, total)


@contextmanager
def stages(weights: Mapping[str, float], *, shown: bool = True) -> Generator[Callable[[str, int, int], None], None, None]:
    """One bar over several stages of known weight; a callback (stage, done, total) moves it.

    Where standard error is no terminal, each stage is announced in a line.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    console = Console(stderr=True)
    names, whole = list(weights), sum(weights.values())
    columns = [
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    ]
    announced = ""
    with Progress(
        *columns, console=console, disable=not (shown and console.is_terminal), speed_estimate_period=45, transient=True
    ) as progress:
        task = progress.add_task(names[0], total=whole)

        def advance(stage: str, done: int, total: int) -> None:
            nonlocal announced
            index = names.index(stage)
            before = sum(weights[name] for name in names[:index])
            progress.update(task, completed=before + weights[stage] * done / max(total, 1), description=stage)
            if stage != announced and not console.is_terminal and len(names) > 1:
                click.echo(f"[{index + 1}/{len(names)}] {stage}", err=True)
            announced = stage

        yield advance
