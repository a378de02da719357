"""Prompt sets: for each class, the sentences that stand for it, as TOML files that people can edit.

A file has an optional `name` and `about`. Its table `[prompts]` lists the sentences of each class, `NAME = ["...", "..."]`.
A class may also have a table of its own, `[classes.NAME]`, with `prompts` likewise, or with `parts = [[...], [...]]`:
every combination of one phrase from each list, joined by spaces, an empty phrase left out.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import tomli_w

from egma_core.assets import resource, resources
from egma_core.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

MOST_PROMPTS = 100_000
"""A grid that multiplies out to more is a mistake."""


@dataclass(frozen=True)
class PromptSet:
    """Classes and their prompts, in order.

    Attributes:
        name: The set's name.
        prompts: Class name to its one or more sentences.
    """

    name: str
    prompts: dict[str, tuple[str, ...]]


def load_prompts(path: Path) -> PromptSet:
    """Read a prompt set; a sentence that a class spells twice counts once, so that none weighs double in a mean.

    Raises:
        ConfigError: The file is missing, is not TOML, or does not have the form of a prompt set.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"The prompt set {path.name} cannot be read ({error.strerror}).", "Check the path.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"The prompt set {path.name} is not valid TOML: {error}.", "Correct that line of the file.") from error
    where = f"the prompt set {path.name}"
    unknown = sorted(set(content) - {"name", "about", "prompts", "classes"})
    if unknown:
        raise ConfigError(f"There is an entry '{unknown[0]}' in {where}.", "Known are name, about, prompts and classes.")
    plain, tables, name = content.get("prompts", {}), content.get("classes", {}), content.get("name", path.stem)
    if not isinstance(plain, Mapping) or not isinstance(tables, Mapping) or not isinstance(name, str) or not (plain or tables):
        raise ConfigError(f"There are no classes in {where}.", 'List them in a table [prompts], as NAME = ["...", "..."].')
    both = sorted(set(cast(Mapping[str, Any], plain)) & set(cast(Mapping[str, Any], tables)))
    if both:
        raise ConfigError(f"Class '{both[0]}' is there twice in {where}.", "Keep one of the two.")
    prompts = {label: _sentences({"prompts": own}, f"class '{label}' of {where}") for label, own in cast(Mapping[str, Any], plain).items()}
    prompts |= {label: _sentences(table, f"class '{label}' of {where}") for label, table in cast(Mapping[str, Any], tables).items()}
    return PromptSet(name, prompts)


def save_prompts(path: Path, prompts: PromptSet) -> None:
    """Write a prompt set with every sentence spelled out; an existing file is replaced.

    Raises:
        ConfigError: The file cannot be written.
    """
    content = {"name": prompts.name, "prompts": {label: list(sentences) for label, sentences in prompts.prompts.items()}}
    unfinished = path.with_name(path.name + ".tmp")
    try:
        unfinished.write_text(tomli_w.dumps(content, multiline_strings=False), encoding="utf-8", newline="\n")
        unfinished.replace(path)
    except OSError as error:
        raise ConfigError(f"The prompt set {path.name} cannot be written ({error.strerror}).", "Choose another place.") from error


def builtin_names() -> tuple[str, ...]:
    """Names of the prompt sets that come with the program."""
    return tuple(sorted(path.stem for path in (resources() / "prompts").glob("*.toml")))


def builtin(name: str) -> PromptSet:
    """One of the prompt sets that come with the program.

    Raises:
        ConfigError: There is none of that name.
    """
    if name not in builtin_names():
        raise ConfigError(f"There is no prompt set {name!r}.", f"Choose one of: {', '.join(builtin_names())}.")
    return load_prompts(resource("prompts", f"{name}.toml"))


def best_builtin(labels: Iterable[str]) -> PromptSet | None:
    """The program's prompt set that names most of some labels, the smallest of equally good ones; None if none names any."""
    wanted = {label.strip().casefold() for label in labels}
    sets = [builtin(name) for name in builtin_names()]
    named = [(sum(name.casefold() in wanted for name in s.prompts), -len(s.prompts), -i) for i, s in enumerate(sets)]
    most = max(named, default=(0, 0, 0))
    return sets[named.index(most)] if most[0] else None


def _sentences(table: object, what: str) -> tuple[str, ...]:
    if not isinstance(table, Mapping) or set(cast(Mapping[str, Any], table)) not in ({"prompts"}, {"parts"}):
        raise ConfigError(f"There are no prompts for {what}.", "Give it either prompts = [...] or parts = [[...], [...]].")
    entries = cast(Mapping[str, Any], table)
    if "prompts" in entries:
        found = _phrases(entries["prompts"], what)
    else:
        if not isinstance(entries["parts"], list) or not entries["parts"]:
            raise ConfigError(f"The parts of {what} are not lists.", "Write parts = [[...], [...]].")
        parts = [_phrases(part, what) for part in cast(list[object], entries["parts"])]
        combinations = 1
        for part in parts:
            combinations *= len(part)
        if combinations > MOST_PROMPTS:
            raise ConfigError(
                f"The parts of {what} multiply out to {combinations:,} sentences.",
                f"At most {MOST_PROMPTS:,} are allowed; use fewer phrases.",
            )
        found = [" ".join(phrase for phrase in chosen if phrase) for chosen in itertools.product(*parts)]
    if not all(sentence.strip() for sentence in found):
        raise ConfigError(f"There is an empty sentence in {what}.", "Take it out, or write it.")
    return tuple(dict.fromkeys(found))


def _phrases(phrases: object, what: str) -> list[str]:
    if not isinstance(phrases, list) or not phrases or not all(isinstance(phrase, str) for phrase in cast(list[object], phrases)):
        raise ConfigError(f"There is something else than a list of phrases in {what}.", 'Write ["...", "..."], with one at least.')
    return cast(list[str], phrases)
