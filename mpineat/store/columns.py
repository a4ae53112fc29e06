"""Values as tables of named columns and back: the columns of a table are the fields of a class.

A field that a class gains later becomes a column by itself, and older files read it as its default.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from types import NoneType
from typing import Annotated, Any, NamedTuple

import numpy as np

Table = np.ndarray[Any, np.dtype[np.void]]
Tables = Mapping[str, Table]  # path in the file -> table


class Default(NamedTuple):
    """A column that earlier files may lack, and what every row of those holds."""

    hint: Any
    value: object


# Name -> type of the values as a field declares it, with its range: int, float, bool or str, also
# with `| None`, which is written as -1 or NaN.
Columns = Mapping[str, Any]


class OtherVersion(Exception):
    """A table is not as this version writes it, and no default makes up for that."""


class BadValue(Exception):
    """A value that mpineat never writes, in a file whose seal is right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Column:
    """How the values of a column lie in the table, and which are in range."""

    kind: type
    optional: bool
    at_least: float | None = None
    at_most: float | None = None
    below: float | None = None
    finite: bool = False
    pattern: str | None = None


_PLAIN = (int, float, bool, str)
_SMALL = np.iinfo(np.int32)
_NUMPY_KINDS = {int: "iu", float: "f", bool: "b", str: "S"}


def columns_of(cls: type, *, but: Iterable[str] = ()) -> dict[str, Any]:
    """Return the columns for the fields of a dataclass or named tuple, in its order.

    A field's default is its column's.

    Args:
        but: Fields that are kept elsewhere.

    Raises:
        TypeError: A field is of a type that no column can hold.
    """
    columns: dict[str, Any] = {}
    defaults = defaults_of(cls)
    for field, hint in typing.get_type_hints(cls, include_extras=True).items():
        if field not in but:
            try:
                _column(hint)
            except TypeError as error:
                raise TypeError(f"{cls.__name__}.{field}: {error}") from None
            columns[field] = Default(hint, defaults[field]) if field in defaults else hint
    return columns


def defaults_of(cls: Any) -> Mapping[str, object]:
    """Return the plain defaults of a dataclass's or named tuple's fields."""
    if is_dataclass(cls):
        return {field.name: field.default for field in fields(cls) if field.default is not MISSING}
    defaults: Mapping[str, object] = getattr(cls, "_field_defaults", {})
    return defaults


@cache
def _column(hint: Any) -> _Column:
    """Return the column for values of a type, its range from what annotates the type."""
    if isinstance(hint, Default):
        hint = hint.hint
    kinds = [kind for kind in typing.get_args(hint) if kind is not NoneType]
    optional = NoneType in typing.get_args(hint)
    if optional:
        hint = kinds[0]
    kind, *limits = typing.get_args(hint) if typing.get_origin(hint) is Annotated else (hint,)
    if kind not in _PLAIN or (len(kinds) > 1 and optional):
        raise TypeError(f"the store has no column for {hint}")

    def limit(name: str) -> Any:
        return next((getattr(one, name) for one in limits if hasattr(one, name)), None)

    return _Column(
        kind=kind,
        optional=optional,
        at_least=limit("ge"),
        at_most=limit("le"),
        below=limit("lt"),
        finite=limit("allow_inf_nan") is False,
        pattern=limit("pattern"),
    )


def to_table(columns: Columns, rows: Sequence[Sequence[object]]) -> Table:
    """Return `rows`, values in the order of the columns, as a structured array.

    Whole numbers take 4 bytes where all of a column fit, else 8; texts the
    width of the longest and of the zero that ends it.
    """
    values: Iterable[Sequence[Any]] = zip(*rows, strict=True) if rows else ((),) * len(columns)
    arrays = [_encode(_column(c), each) for c, each in zip(columns.values(), values, strict=True)]
    table: Table = np.empty(
        len(rows), [(name, a.dtype) for name, a in zip(columns, arrays, strict=True)]
    )
    for name, array in zip(columns, arrays, strict=True):
        table[name] = array
    return table


def _encode(column: _Column, values: Sequence[Any]) -> np.ndarray[Any, Any]:
    if column.kind is str:
        # A zero would end the text in the file: its picture stands for it.
        texts = [text.replace("\0", "\u2400").encode("utf-8", "surrogatepass") for text in values]
        return np.array(texts, f"S{max(map(len, texts), default=0) + 1}")
    if column.optional:
        none = np.nan if column.kind is float else -1
        values = [none if value is None else value for value in values]
    if column.kind is float:
        return np.array(values, np.float64)
    if column.kind is bool:
        return np.array(values, np.int8 if column.optional else bool)
    numbers = np.array(values, np.int64)
    fits = not len(numbers) or (numbers.min() >= _SMALL.min and numbers.max() <= _SMALL.max)
    return numbers.astype(np.int32) if fits else numbers


def from_table(
    columns: Columns, tables: Tables, path: str, *, optional: bool = False
) -> list[list[Any]]:
    """Return the values of the table at `path`, column by column, in the order of `columns`.

    Columns that are not asked for are passed over: a later version may have added them.

    Args:
        optional: Whether the table is empty where the file lacks it.

    Raises:
        OtherVersion: The table is missing, or a column that has no default.
        BadValue: A value is none of the column's type, or out of its range.
    """
    if path not in tables:
        if optional:
            return [[] for _ in columns]
        raise OtherVersion(f"table {path!r} is missing")
    table = tables[path]
    if table.ndim != 1:
        raise BadValue(f"{path!r} is no table")
    found = []
    for name, hint in columns.items():
        if name in (table.dtype.names or ()):
            found.append(values_of(hint, table[name], f"table {path!r}, column {name!r}"))
        elif isinstance(hint, Default):
            found.append([hint.value] * len(table))
        else:
            raise OtherVersion(f"table {path!r} lacks column {name!r}")
    return found


def values_of(hint: Any, array: np.ndarray[Any, Any], where: str) -> list[Any]:
    """Return the values of a column, every one of its type and in its range.

    Raises:
        BadValue: One is not.
    """
    column = _column(hint)
    kinds = "i" if column.kind is bool and column.optional else _NUMPY_KINDS[column.kind]
    if array.ndim != 1 or array.dtype.kind not in kinds:
        raise BadValue(f"{where}: found {array.dtype}, expected {column.kind.__name__}")
    if column.kind is str:
        return _texts(column, array, where)
    wrong = _out_of_range(column, array)
    if wrong.any():
        row = int(wrong.argmax())
        raise BadValue(f"{where}, row {row}: found {array[row]}, out of range")
    values: list[Any] = array.tolist()
    if not column.optional:
        return values
    if column.kind is float:
        return [None if value != value else value for value in values]
    return [None if value == -1 else column.kind(value) for value in values]


def _texts(column: _Column, array: np.ndarray[Any, Any], where: str) -> list[Any]:
    values = array.tolist()
    texts = {}
    for data in set(values):
        try:
            text = data.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            raise BadValue(f"{where}: {data[:40]!r} is no UTF-8") from None
        if column.pattern is not None and not re.fullmatch(column.pattern, text):
            raise BadValue(f"{where}: found {text[:40]!r}, expected {column.pattern}")
        texts[data] = text
    return [texts[data] for data in values]


def _out_of_range(column: _Column, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return which values are out of range; comparisons with NaN are false."""
    wrong = np.zeros(len(array), bool)
    if column.at_least is not None:
        wrong |= ~(array >= column.at_least)
    if column.at_most is not None:
        wrong |= ~(array <= column.at_most)
    if column.below is not None:
        # Of whole numbers not `< 2**63`, which older numpy compares as floating-point numbers.
        wrong |= ~(array < column.below if column.kind is float else array <= column.below - 1)
    if column.finite:
        wrong |= ~np.isfinite(array)
    if column.kind is bool and column.optional:
        wrong |= (array < 0) | (array > 1)
    if column.optional:
        wrong &= ~(np.isnan(array) if column.kind is float else array == -1)
    return wrong


def offsets(lengths: Iterable[int]) -> list[int]:
    """Return where each of the lists begins when they are laid one after another, and the end."""
    ends = np.cumsum([0, *lengths])
    return typing.cast("list[int]", ends.tolist())
