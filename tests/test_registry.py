"""The registry: each name leads to something of its kind, and a room holds nothing without one."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable
from importlib import import_module

import pytest

from mpineat import registry
from mpineat.cluster.batch import BatchSystem
from mpineat.data.reader import Source
from mpineat.evolution.strategy import Strategy


def is_strategy(value: object) -> bool:
    concrete = inspect.isclass(value) and not inspect.isabstract(value)
    return concrete and Strategy in value.__mro__[1:]


def is_stage(value: object) -> bool:
    wanted = ("name", "seconds", "reasons", "run")
    protocol = getattr(value, "_is_protocol", False)
    return inspect.isclass(value) and not protocol and all(hasattr(value, name) for name in wanted)


# kind -> the room that holds such things, and what tells one
ROOMS: dict[str, tuple[str, Callable[[object], bool]]] = {
    "strategy": ("mpineat.evolution", is_strategy),
    "stage": ("mpineat.training", is_stage),
    "reader": ("mpineat.data.readers", lambda value: isinstance(value, Source)),
    "exporter": ("mpineat.training.export", lambda value: type(value).__name__ == "Exporter"),
    "batch_system": ("mpineat.cluster", lambda value: isinstance(value, BatchSystem)),
}


def _need(kind: str) -> None:
    """Skip what cannot be imported without a package of an extra."""
    packages = {"strategy": "optuna"} | dict.fromkeys(
        ("evaluator", "stage", "exporter"), "tensorflow"
    )
    if kind in packages:
        pytest.importorskip(packages[kind])


@pytest.mark.parametrize("kind", registry.BUILT_IN)
def test_every_name_leads_to_something_of_its_kind(kind: str) -> None:
    _need(kind)
    _, is_one = ROOMS.get(kind, ("", callable))
    for name in registry.BUILT_IN[kind]:
        value = registry.load(kind, name)
        assert is_one(value), f"{kind} {name!r} is {value!r}"
        if kind in ("stage", "exporter"):
            assert value.name == name


@pytest.mark.parametrize("kind", ROOMS)
def test_nothing_in_a_room_goes_without_a_name(kind: str) -> None:
    _need(kind)
    room, is_one = ROOMS[kind]
    named = [registry.load(kind, name) for name in registry.BUILT_IN[kind]]
    for found in pkgutil.walk_packages(import_module(room).__path__, f"{room}."):
        for name, value in vars(import_module(found.name)).items():
            if is_one(value) and not any(value is one for one in named):
                pytest.fail(f"{found.name}:{name}: registry.BUILT_IN[{kind!r}] has no line for it")
