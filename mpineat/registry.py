"""What a name in a configuration or on the command line stands for, without importing it.

Built-in names stand here, so that a checkout without installed metadata knows them. An installed
package adds its own by entry points of the group "mpineat.<kind>"; docs/extending.md shows one of
each kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from mpineat.errors import InputError

# kind -> name -> "module:attribute", in the order in which lists show the names
BUILT_IN: Mapping[str, Mapping[str, str]] = {
    "strategy": {
        "codeepneat": "mpineat.evolution.strategies.coevolution:CoDeepNEAT",
        "random": "mpineat.evolution.strategies.random_search:RandomSearch",
        "grid": "mpineat.evolution.strategies.grid:GridSearch",
        "bayesian": "mpineat.evolution.strategies.bayesian:BayesianOptimisation",
        "tpe": "mpineat.evolution.strategies.tpe:TreeParzen",
        "reinforce": "mpineat.evolution.strategies.reinforce:Reinforce",
        "regularized_evolution": "mpineat.evolution.strategies.regularized:RegularizedEvolution",
        "morphism": "mpineat.evolution.strategies.morphism:Morphism",
        "deepneat": "mpineat.evolution.strategies.deepneat:DeepNEAT",
    },
    "evaluator": {
        "training": "mpineat.training.evaluate:start",
        "dry_run": "mpineat.child.dry_run:start",
    },
    "stage": {
        "assemble": "mpineat.training.stages:Assemble",
        "inherit": "mpineat.training.inheritance:Inherit",
        "structure_learning": "mpineat.training.stages:StructureLearning",
        "build": "mpineat.training.stages:Build",
        "train": "mpineat.training.stages:Train",
        "leave": "mpineat.training.inheritance:Leave",
    },
    "reader": {
        "digits": "mpineat.data.readers.digits:DIGITS",
        "mnist": "mpineat.data.readers.idx:MNIST",
        "fashion_mnist": "mpineat.data.readers.idx:FASHION_MNIST",
        "cifar10": "mpineat.data.readers.cifar:CIFAR10",
        "cifar100": "mpineat.data.readers.cifar:CIFAR100",
        "tiny_imagenet": "mpineat.data.readers.tiny_imagenet:TINY_IMAGENET",
        "kmnist": "mpineat.data.readers.idx:KMNIST",
        "svhn": "mpineat.data.readers.svhn:SVHN",
        "stl10": "mpineat.data.readers.stl10:STL10",
        "file": "mpineat.data.readers.own_file:OWN_FILE",
        "folder": "mpineat.data.readers.folder:FOLDER",
    },
    "exporter": {
        "keras": "mpineat.training.export.keras:EXPORTER",
        "savedmodel": "mpineat.training.export.savedmodel:EXPORTER",
        "onnx": "mpineat.training.export.onnx:EXPORTER",
        "json": "mpineat.training.export.json:EXPORTER",
    },
    "batch_system": {
        "lsf": "mpineat.cluster.lsf:LSF",
        "slurm": "mpineat.cluster.slurm:SLURM",
        "pbs": "mpineat.cluster.pbs:PBS",
    },
}


def names(kind: str) -> tuple[str, ...]:
    """Return all names of a kind: the built-in ones, then those of installed packages."""
    return (*BUILT_IN[kind], *sorted(_installed(kind).keys() - BUILT_IN[kind].keys()))


def known(kind: str, name: str) -> bool:
    """Return whether `name` is one of `names`; looks at installed packages only where it must."""
    return name in BUILT_IN[kind] or name in _installed(kind)


def load(kind: str, name: str) -> Any:
    """Import and return what `name` stands for.

    Raises:
        InputError: No such name, or an installed package whose object cannot be imported.
    """
    target = BUILT_IN[kind].get(name) or _installed(kind).get(name)
    if target is None:
        raise InputError(f"{kind} {name!r}: unknown; known are {', '.join(names(kind))}")
    module, _, attribute = target.partition(":")
    if name in BUILT_IN[kind]:
        return getattr(import_module(module), attribute)
    try:
        return getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise InputError(
            f"{kind} {name!r}: the installed package that names it as {target} fails: {error}"
        ) from error


@cache
def _installed(kind: str) -> Mapping[str, str]:
    return {point.name: point.value for point in entry_points(group=f"mpineat.{kind}")}
