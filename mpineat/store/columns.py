"""Values as tables of named columns and back: the columns of a table are the fields of a class.

A field that a class gains later becomes a column by itself, and older files read it as its default.
"""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, NamedTuple

import numpy as np

Table = np.ndarray[Any, np.dtype[np.void]]
Tables = Mapping[str, Table]  # path in the file -> table


class Default(NamedTuple):
    """A column that earlier files may lack, and what every row of those holds."""

    kind: type
    value: object


Columns = Mapping[str, type | Default]  # name -> int, float, bool, str or an optional kind


class OtherVersion(Exception):
    """A table is not as this version writes it, and no default makes up for that."""


class OptionalInt:
    """Whole numbers from 0, or None, which is written as -1."""


class OptionalFloat:
    """Numbers, or None, which is written as NaN."""


class OptionalBool:
    """True, False, or None, which is written as -1."""


_OPTIONAL: dict[object, type] = {
    int | None: OptionalInt,
    float | None: OptionalFloat,
    bool | None: OptionalBool,
}
_PLAIN = (int, float, bool, str)
_SMALL = np.iinfo(np.int32)


def columns_of(cls: type, *, but: Iterable[str] = ()) -> dict[str, type | Default]:
    """Return the columns for the fields of a dataclass or named tuple, in its order.

    A field's default is its column's.

    Args:
        but: Fields that are kept elsewhere.

    Raises:
        TypeError: A field is of a type that no column can hold.
    """
    columns: dict[str, type | Default] = {}
    defaults = defaults_of(cls)
    for field, hint in typing.get_type_hints(cls).items():
        if field not in but:
            kind = _kind(cls, field, hint)
            columns[field] = Default(kind, defaults[field]) if field in defaults else kind
    return columns


def defaults_of(cls: Any) -> Mapping[str, object]:
    """Return the plain defaults of a dataclass's or named tuple's fields."""
    if is_dataclass(cls):
        return {field.name: field.default for field in fields(cls) if field.default is not MISSING}
    defaults: Mapping[str, object] = getattr(cls, "_field_defaults", {})
    return defaults


def _kind(cls: type, field: str, hint: Any) -> type:
    if hint in _PLAIN:
        return typing.cast(type, hint)
    if hint in _OPTIONAL:
        return _OPTIONAL[hint]
    raise TypeError(f"the store has no column for {cls.__name__}.{field}: {hint}")


def to_table(columns: Columns, rows: Sequence[Sequence[object]]) -> Table:
    """Return `rows`, values in the order of the columns, as a structured array.

    Whole numbers take 4 bytes where all of a column fit, else 8; texts the
    width of the longest and of the zero that ends it.
    """
    values: Iterable[Sequence[Any]] = zip(*rows, strict=True) if rows else ((),) * len(columns)
    arrays = [_encode(_kind_of(c), each) for c, each in zip(columns.values(), values, strict=True)]
    table: Table = np.empty(
        len(rows), [(name, a.dtype) for name, a in zip(columns, arrays, strict=True)]
    )
    for name, array in zip(columns, arrays, strict=True):
        table[name] = array
    return table


def _encode(kind: type, values: Sequence[Any]) -> np.ndarray[Any, Any]:
    if kind is str:
        # A zero would end the text in the file: its picture stands for it.
        texts = [text.replace("\0", "\u2400").encode("utf-8", "surrogatepass") for text in values]
        return np.array(texts, f"S{max(map(len, texts), default=0) + 1}")
    if kind is bool:
        return np.array(values, bool)
    if kind is float:
        return np.array(values, np.float64)
    if kind is OptionalFloat:
        return np.array([np.nan if value is None else value for value in values], np.float64)
    if kind is OptionalBool:
        return np.array([-1 if value is None else value for value in values], np.int8)
    if kind is OptionalInt:
        values = [-1 if value is None else value for value in values]
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
    """
    if path not in tables:
        if optional:
            return [[] for _ in columns]
        raise OtherVersion(f"table {path!r} is missing")
    table = tables[path]
    found = []
    for name, column in columns.items():
        if name in (table.dtype.names or ()):
            found.append(_decode(_kind_of(column), table[name].tolist()))
        elif isinstance(column, Default):
            found.append([column.value] * len(table))
        else:
            raise OtherVersion(f"table {path!r} lacks column {name!r}")
    return found


def _kind_of(column: type | Default) -> type:
    return column.kind if isinstance(column, Default) else column


def _decode(kind: type, values: list[Any]) -> list[Any]:
    if kind is str:
        texts = {text: text.decode("utf-8", "surrogatepass") for text in set(values)}
        return [texts[text] for text in values]
    if kind is OptionalInt:
        return [None if value == -1 else value for value in values]
    if kind is OptionalBool:
        return [None if value == -1 else bool(value) for value in values]
    if kind is OptionalFloat:
        return [None if value != value else value for value in values]
    return values


def offsets(lengths: Iterable[int]) -> list[int]:
    """Return where each of the lists begins when they are laid one after another, and the end."""
    ends = np.cumsum([0, *lengths])
    return typing.cast("list[int]", ends.tolist())
