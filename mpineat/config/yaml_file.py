"""The YAML door: a file and key=value words in, a Config out, or every error with file:line."""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeGuard, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from mpineat import registry
from mpineat.config import Config
from mpineat.config.section import Named
from mpineat.errors import InputError

Key = tuple[str, ...]


class _Loader(yaml.SafeLoader):
    """YAML 1.2's numbers and truths: PyYAML alone reads 1e-9 as text and `off` as false."""


_Loader.yaml_implicit_resolvers = {
    first: [rule for rule in rules if rule[0] != "tag:yaml.org,2002:bool"]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d[\d_]*)?\.?\d+[eE][-+]?\d+$|^[-+]?\d[\d_]*\.[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


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
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise InputError(f"{path}: cannot read the configuration: {reason}") from error
    return loads(text, str(path), overrides)


def loads(text: str, where: str = "configuration", overrides: Sequence[str] = ()) -> Config:
    """Read a configuration from YAML text; `where` names it in errors. Raises as `load`."""
    places: dict[Key, str] = {}
    problems: list[str] = []
    values = _parse(text, where, places, problems)
    for word in overrides:
        _override(values, word, places, problems)
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        problems += [_explain(dict(item), places, where) for item in error.errors()]
    if problems:
        raise InputError("\n".join(sorted(dict.fromkeys(problems), key=_line_number)))
    return config


def dumps(config: Config) -> str:
    """Return the resolved configuration as YAML that `loads` reads back equal."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def options(
    model: type[BaseModel] = Config, prefix: str = ""
) -> Iterator[tuple[str, str, str, str]]:
    """Yield (name, type, default, meaning) of every option, in the order of mpineat.config."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        if _is_section(kind):
            yield from options(kind, f"{prefix}{name}.")
        else:
            default = yaml.safe_dump(_plain(field.default), default_flow_style=True).strip()
            yield (
                f"{prefix}{name}",
                _type_name(kind, field.metadata),
                default.removesuffix("\n..."),
                field.description or "",
            )


def _parse(text: str, where: str, places: dict[Key, str], problems: list[str]) -> dict[str, Any]:
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                return {}
            _walk(node, (), where, places, problems)
            values = loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{where}:{line}: not YAML: {error.problem}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise InputError(f"{where}: not YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(values, dict):
        raise InputError(f"{where}:1: expected sections such as 'training:', found {values!r}")
    return values


def _walk(
    node: yaml.Node, key: Key, where: str, places: dict[Key, str], problems: list[str]
) -> None:
    """Note the line of every key and find keys that stand twice."""
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            inner = (*key, str(name.value))
            place = f"{where}:{name.start_mark.line + 1}"
            if inner in places:
                problems.append(
                    f"{place}: {'.'.join(inner)}: stands twice (first at {places[inner]}); keep one"
                )
            places[inner] = place
            _walk(value, inner, where, places, problems)


def _override(
    values: dict[str, Any], word: str, places: dict[Key, str], problems: list[str]
) -> None:
    name, sign, text = word.partition("=")
    key = tuple(name.strip().split("."))
    if not sign or not all(key):
        problems.append(f"command line: {word!r}: expected section.option=value")
        return
    try:
        value = yaml.load(text, _Loader)  # a subclass of SafeLoader
    except yaml.YAMLError:
        problems.append(f"command line: {name}: {text!r} is no YAML value")
        return
    for part in key[:-1]:
        inner = values.setdefault(part, {})
        if not isinstance(inner, dict):
            inner = values[part] = {}
        values = inner
    values[key[-1]] = value
    places[key] = "command line"


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
    return f"{place}: {name}: {expected}, found {error['input']!r}"


def _is_section(kind: Any) -> TypeGuard[type[BaseModel]]:
    """Return whether an option's annotation is a group of options."""
    # Python 3.10 takes tuple[int, int] for a type, which issubclass then refuses.
    return get_origin(kind) is None and isinstance(kind, type) and issubclass(kind, BaseModel)


def _known_part(loc: Key) -> Key:
    """Cut what pydantic adds to a location: list indices and the branches of a union."""
    model: Any = Config
    for depth, part in enumerate(loc):
        if not _is_section(model):
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
