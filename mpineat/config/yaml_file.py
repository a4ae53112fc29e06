"""The YAML door: a file and key=value words in, a Config out, or every error with file:line."""

from __future__ import annotations

import difflib
import logging
import os
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeGuard, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from mpineat import registry
from mpineat.config import Config, yaml_text
from mpineat.config.section import Named
from mpineat.config.yaml_text import Document, Key, short
from mpineat.errors import InputError

log = logging.getLogger(__name__)

MOST_PROBLEMS = 20  # lines; after a hundred unknown options nobody reads on


def embedded_config() -> Path:
    """Return the path of the configuration that `mpineat` runs without arguments."""
    return Path(__file__).parents[1] / "embedded" / "digits.yaml"


def load(path: Path, overrides: Sequence[str] = ()) -> Config:
    """Read a configuration.

    Args:
        overrides: "section.option=value" words, values in YAML; they win over the file.

    Raises:
        InputError: The file cannot be read, is no YAML, or holds options that are unknown, twice
            there, of a wrong type or impossible together; one line for each error, all at once.
    """
    return validate(written(yaml_text.read(path), str(path), overrides), str(path), path.parent)


def loads(text: str, where: str = "configuration", overrides: Sequence[str] = ()) -> Config:
    """Read a configuration from YAML text; `where` names it in errors. Raises as `load`."""
    return validate(written(text, where, overrides), where)


def written(text: str, where: str, overrides: Sequence[str] = ()) -> Document:
    """Return what a text and the words of a command line say, unexamined."""
    document = yaml_text.parse(text, where)
    for word in overrides:
        _override(document, word)
    return document


def validate(document: Document, where: str, folder: Path | None = None) -> Config:
    """Return what was written as a configuration. Raises as `load`.

    Args:
        folder: That a dataset.path of the text is taken from; None: the current one.
    """
    problems = document.problems
    try:
        config = Config.model_validate(document.values)
    except ValidationError as error:
        found = error.errors(include_url=False)
        problems += [_explain(dict(item), document.places, where) for item in found[: MOST_PROBLEMS + 1]]
    if problems:
        lines = sorted(dict.fromkeys(problems), key=_line_number)
        rest = [f"{where}: and more"] if len(lines) > MOST_PROBLEMS else []
        raise InputError(*lines[:MOST_PROBLEMS], *rest)
    place = document.places.get(("dataset", "path"), "command line")
    return _with_absolute_path(config, None if place == "command line" else folder, place)


def _with_absolute_path(config: Config, folder: Path | None, place: str) -> Config:
    """Return `config` with a dataset.path that means the same in every current folder."""
    if config.dataset.path is None:
        return config
    path = Path(config.dataset.path).expanduser()
    beside, here = (folder or Path()).absolute() / path, Path.cwd() / path
    found = beside if _is_there(beside) else here
    if found != beside and _is_there(here):
        log.warning("%s: dataset.path: not beside this file, taken from the current folder", place)
    dataset = config.dataset.model_copy(update={"path": os.path.normpath(found)})
    return config.model_copy(update={"dataset": dataset})


def _is_there(path: Path) -> bool:
    return path.exists() or ("*" in path.name and any(path.parent.glob(path.name)))


def dumps(config: Config) -> str:
    """Return the resolved configuration as YAML that `loads` reads back equal."""
    return yaml_text.dump(config.model_dump(mode="json"))


def options(
    model: type[BaseModel] = Config, prefix: str = ""
) -> Iterator[tuple[str, str, str, str]]:
    """Yield (name, type, default, meaning) of every option, in the order of mpineat.config."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if is_section(kind):
            yield from options(kind, f"{prefix}{name}.")
        else:
            default = yaml.safe_dump(_plain(field.default), default_flow_style=True).strip()
            yield (
                f"{prefix}{name}",
                _type_name(kind, field.metadata),
                default.removesuffix("\n..."),
                field.description or "",
            )


def _override(document: Document, word: str) -> None:
    name, sign, text = word.partition("=")
    key = tuple(name.strip().split("."))
    if not sign or not all(key):
        document.problems.append(f"command line: {short.repr(word)}: expected section.option=value")
        return
    try:
        value = yaml_text.value(text)
    except yaml.YAMLError:
        document.problems.append(f"command line: {name}: {short.repr(text)} is no YAML value")
        return
    values = document.values
    for part in key[:-1]:
        inner = values.setdefault(part, {})
        if not isinstance(inner, dict):
            inner = values[part] = {}
        values = inner
    values[key[-1]] = value
    document.places[key] = "command line"


def _explain(error: dict[str, Any], places: dict[Key, str], where: str) -> str:
    key = _known_part(tuple(str(part) for part in error["loc"]))
    place = next((places[key[:n]] for n in range(len(key), 0, -1) if key[:n] in places), where)
    name = ".".join(key)
    if error["type"] == "extra_forbidden":
        return f"{place}: {name}: unknown option{_suggestion(key)}"
    if error["type"] == "value_error":
        message = str(error["ctx"]["error"])
        return (
            f"{place}: {message}" if not name or name in message else f"{place}: {name}: {message}"
        )
    expected = error["msg"][0].lower() + error["msg"][1:]
    return f"{place}: {name}: {expected}, found {short.repr(error['input'])}"


def is_section(kind: Any) -> TypeGuard[type[BaseModel]]:
    """Return whether an option's annotation is a group of options."""
    # Python 3.10 takes tuple[int, int] for a type, which issubclass then refuses.
    return get_origin(kind) is None and isinstance(kind, type) and issubclass(kind, BaseModel)


def _known_part(loc: Key) -> Key:
    """Cut what pydantic adds to a location: list indices and the branches of a union."""
    model: Any = Config
    for depth, part in enumerate(loc):
        if not is_section(model):
            return loc[:depth]
        field = model.model_fields.get(part)
        if field is None:
            return loc[: depth + 1]
        model = field.annotation
    return loc


def _suggestion(key: Key) -> str:
    names = {name: name.rpartition(".")[2] for name, *_ in options()}
    names |= {section: section for section in Config.model_fields}
    full = ".".join(key)
    elsewhere = [name for name, last in names.items() if last == key[-1]]
    close = elsewhere or difflib.get_close_matches(full, names, n=1, cutoff=0.75)
    if not close:
        return "; `mpineat check --options` lists them all"
    same_section = close[0].rpartition(".")[0] == full.rpartition(".")[0]
    return f" (did you mean {names[close[0]] if same_section else close[0]!r}?)"


def _line_number(problem: str) -> int:
    found = re.match(r".*?:(\d+): ", problem)
    return int(found[1]) if found else sys.maxsize


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _type_name(kind: Any, limits: Sequence[Any] = ()) -> str:
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        bounds = [item for extra in arguments[1:] for item in getattr(extra, "metadata", [extra])]
        return _type_name(arguments[0], bounds)
    if origin is Literal:
        return " | ".join(str(item) for item in arguments)
    if origin is tuple:
        inner = [_type_name(item) for item in arguments if item is not Ellipsis]
        return f"list of {inner[0]}" if Ellipsis in arguments else f"[{', '.join(inner)}]"
    if origin in (Union, UnionType):
        return " | ".join("none" if item is NoneType else _type_name(item) for item in arguments)
    if choice := next((item for item in limits if isinstance(item, Named)), None):
        return " | ".join(registry.names(choice.kind))
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    bounds = [
        f"{sign} {getattr(item, key)}"
        for item in limits
        for key, sign in signs.items()
        if hasattr(item, key)
    ]
    return " ".join([kind.__name__, *bounds])
