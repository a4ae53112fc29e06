"""The genes of modules and blueprints (Stanley and Miikkulainen 2002; Miikkulainen et al. 2017).

Named tuples, not dataclasses: a generation of 10^5 genomes makes millions of genes, and a tuple is
built four times faster. Node ids and connection innovations come from one counter for each
population (innovation.py).
"""

from __future__ import annotations

from typing import NamedTuple

INPUT = 0  # node id of every genome's input; carries no gene
OUTPUT = 1  # node id of every genome's output; carries no gene


class ModuleNode(NamedTuple):
    """A convolution (ReLU, padding same) with an optional neighbour behind it."""

    id: int
    filters: int
    kernel: int  # the kernel is square
    neighbour: str  # "none", "max_pooling" or "dropout"
    rate: float  # of the dropout; kept while another neighbour is on


class BlueprintNode(NamedTuple):
    """A pointer to a species of modules."""

    id: int
    species: int


class Connection(NamedTuple):
    """A connection gene between two node ids."""

    innovation: int
    source: int
    target: int
    enabled: bool


class Hyperparameters(NamedTuple):
    """A blueprint's settings of training and augmentation, each named as its option is.

    None stands for the configured value: genotypes of earlier versions know the learning rate
    alone.
    """

    learning_rate: float
    momentum: float | None = None
    nesterov: bool | None = None
    flip: bool | None = None
    shift: float | None = None
    scale: float | None = None
    rotate: float | None = None
    brightness: float | None = None
    contrast: float | None = None
    saturation: float | None = None
    hue: float | None = None
