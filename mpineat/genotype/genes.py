"""The genes of modules and blueprints (Stanley and Miikkulainen 2002; Miikkulainen et al. 2017).

Named tuples, not dataclasses: a generation of 10^5 genomes makes millions of genes, and a tuple is
built four times faster. Node ids and connection innovations come from one counter for each
population (innovation.py).
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

from pydantic import StringConstraints

from mpineat.wire import Count, Finite, Positive, Share

INPUT = 0  # node id of every genome's input; carries no gene
OUTPUT = 1  # node id of every genome's output; carries no gene


class ModuleNode(NamedTuple):
    """A convolution (padding same) with an optional neighbour behind it."""

    id: Count
    filters: Positive
    kernel: Positive  # its size, of both axes or along a row
    neighbour: Annotated[str, StringConstraints(pattern="^(none|max_pooling|dropout)$")]
    rate: Share  # of the dropout; kept while another neighbour is on
    convolution: Annotated[str, StringConstraints(pattern="^(full|separable)$")] = "full"
    activation: Annotated[str, StringConstraints(pattern="^(relu|swish)$")] = "relu"


class BlueprintNode(NamedTuple):
    """A pointer to a species of modules.

    With a reduction it begins a stage: at half the resolution, with twice the filters.
    """

    id: Count
    species: Count
    reduction: Annotated[str, StringConstraints(pattern="^(none|stride|max_pooling)$")] = "none"


class Connection(NamedTuple):
    """A connection gene between two node ids."""

    innovation: Count
    source: Count
    target: Count
    enabled: bool


class Hyperparameters(NamedTuple):
    """A blueprint's settings of training and augmentation, each named as its option is.

    None stands for the configured value: genotypes of earlier versions know the learning rate
    alone.
    """

    learning_rate: Finite
    momentum: Finite | None = None
    nesterov: bool | None = None
    flip: bool | None = None
    shift: Finite | None = None
    scale: Finite | None = None
    rotate: Finite | None = None
    brightness: Finite | None = None
    contrast: Finite | None = None
    saturation: Finite | None = None
    hue: Finite | None = None
