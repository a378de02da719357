"""Evaluation protocols: a data set's form, the films that count, the prompts and the published numbers, as TOML files.

A file names a prompt set (one of the program's, or a TOML file beside it), how sentences become a class's score
(`class_score`), and its `tasks`. `[table]` names the column of
the `image` and, as a regular expression on it, the `patient`. Each `[classes.NAME]` says when a row is of that class: its
`column` `is` a value or one of several, or `is_not`. `[selection]` may `require` values of columns, let rows count only if among the
columns `exclusive` nothing but the class's own is filled in and not 0, and draw `per_class` films. `[[published]]` rows are
percentages from papers. Numbers compare as numbers: 1 is 1.0. An entry of another name is refused, since a misspelt one would
change what is evaluated without a word.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast, get_args

from egma_core.assets import resource, resources
from egma_core.errors import ConfigError, InterchangeError
from egma_core.evaluation.tables import FilmFinder, Table, read_table
from egma_core.evaluation.zero_shot import LabelledFilm
from egma_core.examples.splits import hash_fraction
from egma_core.inference.bank import ClassScore
from egma_core.inference.prompts import PromptSet, builtin, load_prompts

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Task = Literal["zero_shot", "retrieval", "linear_probe"]

_ENTRIES = ("name", "about", "caution", "prompts", "class_score", "tasks", "table", "classes", "selection", "published")
_MOST_KEY = 32
"""A file's name of up to so many bytes is the draw's own key; a longer one, which a keyed hash would not take, is hashed first."""


@dataclass(frozen=True)
class ClassRule:
    """When a row of the table is of a class.

    Attributes:
        column: The column that tells.
        values: What it holds.
        negated: Whether it must hold something else instead.
    """

    column: str
    values: tuple[str, ...]
    negated: bool

    def holds(self, row: Mapping[str, str]) -> bool:
        """Whether a row is of the class."""
        return (_plain(row[self.column]) in self.values) != self.negated


@dataclass(frozen=True)
class Published:
    """What a paper reports of one model.

    Attributes:
        model: Its name.
        figures: Percentages by task and by our name of the figure.
    """

    model: str
    figures: dict[Task, dict[str, float]]


@dataclass(frozen=True)
class Protocol:
    """One evaluation on one public data set.

    Attributes:
        id: The file's name, as the command takes it.
        name: The data set.
        about: What is done.
        caution: What to keep in mind beside the published numbers.
        prompts: The prompt set.
        class_score: How sentences' scores become a class's.
        tasks: What is evaluated.
        image: Column of the image.
        patient: What of the image's name is the patient; None for all of it.
        classes: When a row is of each class.
        require: Column to the values that rows must have, where the table has the column.
        exclusive: Columns of which only the class's own may be filled in and not 0.
        per_class: How many films of a class count at most; None for all.
        seed: Seed of the draw.
        published: Papers' numbers.
    """

    id: str
    name: str
    about: str
    caution: str
    prompts: PromptSet
    class_score: ClassScore
    tasks: tuple[Task, ...]
    image: str
    patient: re.Pattern[str] | None
    classes: dict[str, ClassRule]
    require: dict[str, tuple[str, ...]]
    exclusive: tuple[str, ...]
    per_class: int | None
    seed: int
    published: tuple[Published, ...]


@dataclass(frozen=True)
class ProtocolFilms:
    """The films of a protocol that are at hand.

    Attributes:
        films: The films; labels are class names.
        n_selected: How many the protocol selects from the table.
        n_rows: Lines of the table.
    """

    films: tuple[LabelledFilm, ...]
    n_selected: int
    n_rows: int


def protocol_names() -> tuple[str, ...]:
    """Names of the protocols that come with the program."""
    return tuple(sorted(path.stem for path in (resources() / "protocols").glob("*.toml")))


def load_protocol(name: str) -> Protocol:
    """One of the program's protocols by its name, or a TOML file by its path.

    Raises:
        ConfigError: There is none, or the file does not have the form of one.
    """
    if name.endswith(".toml"):
        path = Path(name)
    elif name in protocol_names():
        path = resource("protocols", f"{name}.toml")
    else:
        raise ConfigError(f"There is no protocol {name!r}.", f"Choose one of: {', '.join(protocol_names())}.")
    try:
        return _protocol(path, tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise ConfigError(f"The protocol {path.name} cannot be read ({error.strerror}).", "Check the path.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"The protocol {path.name} is not valid TOML: {error}.", "Correct that line of the file.") from error
    except (KeyError, TypeError, ValueError, AttributeError, re.error) as error:
        raise ConfigError(
            f"The protocol {path.name} lacks something it needs, or has it in another form ({error}).",
            "Compare it with one of the program's.",
        ) from error


def protocol_films(protocol: Protocol, table: Path, folder: Path) -> ProtocolFilms:
    """Select the protocol's films from a data set's own table, and find them below a folder.

    Args:
        protocol: The protocol.
        table: The data set's CSV.
        folder: The folder of its films.

    Raises:
        InterchangeError: The table cannot be read, or lacks a column.
        ConfigError: No selected film is there, or the folder is not.
    """
    read = read_table(table)
    needed = [protocol.image, *(rule.column for rule in protocol.classes.values()), *protocol.exclusive]
    missing = [column for column in needed if column not in read.columns]
    if missing:
        raise InterchangeError(
            f"The table {read.name} has no column {missing[0]}; it has {', '.join(read.columns)}.",
            f"Give the table as {protocol.name} comes with it.",
        )
    selected = _selected(protocol, _labels(protocol, read))
    if not selected:
        raise ConfigError(f"The table {read.name} has no film that {protocol.name} selects.", "Check that it is the data set's own table.")
    finder = FilmFinder(folder)
    films: list[LabelledFilm] = []
    for image, label in selected.items():
        path = finder.find(image)
        if path is not None:
            found = protocol.patient.search(image) if protocol.patient is not None else None
            films.append(LabelledFilm(path, found[0] if found else image, (label,)))
    if not films:
        raise ConfigError(
            f"None of the {len(selected)} films that {protocol.name} selects lies below {folder.name}.", "Check the folder with --data."
        )
    return ProtocolFilms(tuple(films), len(selected), len(read.rows))


def _labels(protocol: Protocol, table: Table) -> dict[str, set[str]]:
    """All classes that an image's rows give it, of those rows that have what is required; a row without a class adds none."""
    found: dict[str, set[str]] = {}
    for _, row in table.rows:
        classes = {name for name, rule in protocol.classes.items() if rule.holds(row)}
        if not all(_plain(row[column]) in values for column, values in protocol.require.items() if column in row):
            continue
        filled = {column for column in protocol.exclusive if _plain(row[column]) not in ("", "0")}
        own = {protocol.classes[name].column for name in classes}
        found.setdefault(row[protocol.image], set()).update(classes if filled <= own else set())
    return found


def _selected(protocol: Protocol, labels: Mapping[str, set[str]]) -> dict[str, str]:
    """The class of each film that counts: films of exactly one class, at most `per_class` of each."""
    of_class: dict[str, list[str]] = {name: [] for name in protocol.classes}
    for image, classes in labels.items():
        if len(classes) == 1:
            of_class[next(iter(classes))].append(image)
    most = protocol.per_class
    if most is not None:
        of_class = {
            name: sorted(images, key=lambda image: hash_fraction(image, _purpose(protocol.id), protocol.seed))[:most]
            for name, images in of_class.items()
        }
    return {image: name for name, images in of_class.items() for image in images}


def _purpose(id: str) -> str:
    return id if len(id.encode()) <= _MOST_KEY else hashlib.sha256(id.encode()).hexdigest()[:_MOST_KEY]


def _protocol(path: Path, content: Mapping[str, Any]) -> Protocol:
    _only(content, _ENTRIES, "the protocol")
    prompts, table, selection = _prompts(content["prompts"], path), content["table"], cast(Mapping[str, Any], content.get("selection", {}))
    _only(table, ("image", "patient"), "[table]")
    _only(selection, ("require", "exclusive", "per_class", "seed"), "[selection]")
    classes = {str(name): _rule(str(name), rule) for name, rule in content["classes"].items()}
    if set(classes) != set(prompts.prompts):
        raise ValueError("its classes are not those of its prompt set")
    tasks, class_score = _values(content["tasks"]), content["class_score"]
    if not set(tasks) <= set(get_args(Task)) or class_score not in get_args(ClassScore):
        raise ValueError("tasks or class_score")
    pattern, per_class, seed = table.get("patient"), selection.get("per_class"), selection.get("seed", 0)
    if not all(isinstance(n, int) for n in (per_class or 0, seed)) or (per_class is not None and per_class < 1):
        raise ValueError("per_class or seed of [selection] is no whole number, or too small")
    return Protocol(
        id=path.stem,
        name=content["name"],
        about=" ".join(content["about"].split()),
        caution=" ".join(content.get("caution", "").split()),
        prompts=prompts,
        class_score=class_score,
        tasks=cast(tuple[Task, ...], tasks),
        image=table["image"],
        patient=re.compile(pattern) if pattern is not None else None,
        classes=classes,
        require={column: tuple(map(_plain, _values(values))) for column, values in selection.get("require", {}).items()},
        exclusive=_values(selection.get("exclusive", [])),
        per_class=per_class,
        seed=seed,
        published=tuple(_published(row) for row in content.get("published", ())),
    )


def _prompts(name: str, protocol: Path) -> PromptSet:
    """A prompt set of the program's, or a file whose path counts from the protocol's folder."""
    return load_prompts(protocol.parent / name) if name.endswith(".toml") else builtin(name)


def _rule(name: str, rule: Mapping[str, Any]) -> ClassRule:
    _only(rule, ("column", "is", "is_not"), f"[classes.{name}]")
    if ("is" in rule) == ("is_not" in rule):
        raise ValueError(f"[classes.{name}] needs either 'is' or 'is_not'")
    negated = "is_not" in rule
    return ClassRule(rule["column"], tuple(map(_plain, _values(rule["is_not" if negated else "is"]))), negated)


def _published(row: Mapping[str, Any]) -> Published:
    _only(row, ("model", *get_args(Task)), "[[published]]")
    return Published(row["model"], {task: dict(row[task]) for task in get_args(Task) if task in row})


def _only(table: Mapping[str, Any], known: Sequence[str], where: str) -> None:
    """Refuse entries that nothing reads."""
    unknown = sorted(set(table) - set(known))
    if unknown:
        raise ValueError(f"{where} has an entry '{unknown[0]}'; known are {', '.join(known)}")


def _values(given: object) -> tuple[str, ...]:
    """One value, or a list of several, as text; numbers need no quotes."""
    several = cast(list[object], given) if isinstance(given, list) else [given]
    if not all(isinstance(value, (str, int, float)) and not isinstance(value, bool) for value in several):
        raise ValueError(f"{given!r} is neither a value nor a list of values")
    return tuple(str(value) for value in several)


def _plain(value: str) -> str:
    """A table's value, with numbers in one spelling: 1.0 is 1."""
    try:
        return f"{float(value):g}"
    except ValueError:
        return value
