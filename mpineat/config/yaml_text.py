"""YAML text into plain values: the scalars of YAML 1.2, the line of every key, bounds on it all."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from mpineat import files
from mpineat.errors import InputError

MOST_BYTES = 256 << 10  # a configuration with every option has 6 KiB
MOST_VALUES = 5000  # what an alias stands for counts each time: nine of nine of nine ... do not grow
MOST_DEPTH = 20
LONGEST_NUMBER = 100  # characters
Key = tuple[str, ...]
short = reprlib.Repr()  # of values in messages
short.maxstring = short.maxother = 80


@dataclass(frozen=True, slots=True)
class Document:
    """A configuration as it was written.

    Attributes:
        places: Key -> "file:line".
        problems: A line for each key that stands twice.
    """

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[Key, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def read(path: Path, *, linked: bool = True) -> str:
    """Return the text of a configuration file.

    Args:
        linked: Whether it may be a symbolic link.

    Raises:
        InputError: It cannot be read, is too long or no UTF-8 text.
    """
    try:
        with open(path, "rb", opener=files.regular if linked else files.unlinked) as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise InputError(
                f"{path}: expected a configuration, found more than {MOST_BYTES >> 10} KiB"
            )
        return data.decode("utf-8")
    except (OSError, ValueError) as error:  # a path with a zero byte is a ValueError
        reason = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise InputError(f"{path}: cannot read the configuration: {reason}") from error


def parse(text: str, where: str) -> Document:
    """Return the options of a text; `where` names it.

    Raises:
        InputError: It is no YAML, or holds no sections.
    """
    found = Document()
    try:
        node, values = _load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{where}:{line}: not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise InputError(f"{where}: not YAML: {str(error).splitlines()[0]}") from error
    if node is None:
        return found
    if not isinstance(values, dict):
        raise InputError(f"{where}:1: expected sections such as 'training:', found {short.repr(values)}")
    _note(node, (), where, found)
    found.values.update(values)
    return found


def value(text: str) -> Any:
    """Return the one value of a text, None where there is none.

    Raises:
        yaml.YAMLError: It is no YAML.
    """
    return _load(text)[1]


def dump(values: Mapping[str, Any]) -> str:
    """Return values as text that `parse` reads back equal, and YAML 1.1 too."""
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def _load(text: str) -> tuple[yaml.Node | None, Any]:
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        return node, None if node is None else loader.construct_document(node)
    finally:
        loader.dispose()


def _note(node: yaml.Node, key: Key, where: str, found: Document) -> None:
    """Note the line of every key, and the keys that stand twice."""
    if isinstance(node, yaml.MappingNode):
        for name, inner_node in node.value:
            inner = (*key, str(name.value))
            place = f"{where}:{name.start_mark.line + 1}"
            if inner in found.places:
                full, first = ".".join(inner), found.places[inner]
                found.problems.append(f"{place}: {full}: stands twice (first at {first}); keep one")
            found.places[inner] = place
            _note(inner_node, inner, where, found)


class _Loader(yaml.SafeLoader):
    """YAML 1.2: PyYAML alone reads 020 as 16, 190:20:30 as 685230, `off` as false, 1e-9 as text."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = self._count = 0
        self._sizes: dict[yaml.Node, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Compose a node, and count what it stands for."""
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        begin = self._count
        self._depth += 1
        self._count += 1
        if self._depth > MOST_DEPTH:
            self._refuse(f"nested deeper than {MOST_DEPTH}", event)
        node: yaml.Node | None = super().compose_node(parent, index)
        if node is not None and isinstance(event, yaml.AliasEvent):
            if node not in self._sizes:
                self._refuse("an alias inside of what it stands for", event)
            self._count += self._sizes[node]
        elif node is not None:
            self._sizes[node] = self._count - begin
        if self._count > MOST_VALUES:
            self._refuse(f"more than {MOST_VALUES} values", event)
        self._depth -= 1
        return node

    def _refuse(self, problem: str, at: yaml.Event) -> None:
        raise yaml.composer.ComposerError(None, None, problem, at.start_mark)  # type: ignore[arg-type]


def _number(convert: Callable[[str], Any]) -> Callable[[str], Any]:
    def bounded(text: str) -> Any:
        if len(text) > LONGEST_NUMBER:
            raise ValueError(text)
        return convert(text)

    return bounded


def _integer(text: str) -> int:
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


def _float(text: str) -> float:
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


def _truth(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _constructor(name: str, convert: Callable[[str], Any]) -> Callable[[_Loader, yaml.ScalarNode], Any]:
    def construct(loader: _Loader, node: yaml.ScalarNode) -> Any:
        text = str(loader.construct_scalar(node))
        try:
            return convert(text)
        except (ValueError, KeyError) as error:
            problem = f"expected {name}, found {short.repr(text)}"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from error

    return construct


def _unknown(loader: _Loader, node: yaml.Node) -> Any:
    problem = f"the tag {short.repr(node.tag)} means nothing here"
    raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)


_TAG = "tag:yaml.org,2002:"
_Loader.yaml_implicit_resolvers = {}
_Loader.yaml_constructors = {
    _TAG + "map": yaml.SafeLoader.construct_yaml_map,
    _TAG + "seq": yaml.SafeLoader.construct_yaml_seq,
    _TAG + "str": yaml.SafeLoader.construct_yaml_str,
    None: _unknown,
}
# Kind, pattern, characters that it begins with, name in messages, conversion. Digits may be grouped
# by _, as in Python.
for _kind, _pattern, _first, _name, _convert in (
    ("null", r"~|null|Null|NULL|", [*"~nN", ""], "null", lambda text: None),
    ("bool", r"true|True|TRUE|false|False|FALSE", [*"tTfF"], "true or false", _truth),
    (
        "int",
        r"[-+]?[0-9][0-9_]*|0o[0-7]+|0x[0-9a-fA-F]+",
        [*"-+0123456789"],
        "a whole number",
        _number(_integer),
    ),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        [*"-+.0123456789"],
        "a number",
        _number(_float),
    ),
):
    _Loader.add_implicit_resolver(_TAG + _kind, re.compile(f"^(?:{_pattern})$"), _first)
    _Loader.add_constructor(_TAG + _kind, _constructor(_name, _convert))
_Loader.add_implicit_resolver(_TAG + "merge", re.compile("^<<$"), ["<"])


class _Dumper(yaml.SafeDumper):
    """Quotes a text that either version of YAML would take for something else."""

    def represent_text(self, text: str) -> yaml.Node:
        """Write a text; line breaks of Unicode survive in double quotes alone."""
        style = None if text.isprintable() else '"'
        return self.represent_scalar(_TAG + "str", text, style)


_Dumper.add_representer(str, _Dumper.represent_text)

_Dumper.yaml_implicit_resolvers = {
    first: [
        *yaml.SafeDumper.yaml_implicit_resolvers.get(first, ()),
        *_Loader.yaml_implicit_resolvers.get(first, ()),
    ]
    for first in {*yaml.SafeDumper.yaml_implicit_resolvers, *_Loader.yaml_implicit_resolvers}
}
