"""Every option of mpineat, one a line: type, range, unit, meaning and source.

Read from YAML by `yaml_file.py`; written back, resolved, to `config.yaml` in the run directory.
"Thesis" is Nikulenkov 2022, "NEAT" Stanley and Miikkulainen 2002, "CoDeepNEAT" Miikkulainen et al. 2017.
"""

from __future__ import annotations

from typing import Any

from pydantic import model_validator

from mpineat import metrics
from mpineat.config.data import Arrays, Augment, Dataset
from mpineat.config.learning import Compression, Final, Training
from mpineat.config.recipe import Recipe
from mpineat.config.running import Farm, Run
from mpineat.config.search import Distance, Evolution, Mutation, SearchSpace, TrainingRanges
from mpineat.config.section import Section, option

__all__ = [
    "Arrays",
    "Augment",
    "Compression",
    "Config",
    "Dataset",
    "Distance",
    "Evolution",
    "Farm",
    "Final",
    "Mutation",
    "Recipe",
    "Run",
    "SearchSpace",
    "Section",
    "Training",
    "TrainingRanges",
]


class Config(Section):
    """All options."""

    run: Run = option(Run(), "the run as a whole")
    dataset: Dataset = option(Dataset(), "the images")
    search_space: SearchSpace = option(SearchSpace(), "which networks can exist")
    evolution: Evolution = option(Evolution(), "how the populations evolve")
    training: Training = option(Training(), "how fitness is measured")
    compression: Compression = option(Compression(), "MorphNet in front of the training")
    final: Final = option(Final(), "the end of a search: its best networks against each other")
    recipe: Recipe = option(Recipe(), "how full trainings differ: the final's and that of export")
    farm: Farm = option(Farm(), "ranks and child processes")

    @model_validator(mode="before")
    @classmethod
    def _first_objective(cls, given: Any) -> Any:
        """Let the first objective be the metric where nobody said otherwise."""
        training, evolution = (given.get(name, {}) for name in ("training", "evolution")) if isinstance(given, dict) else ({}, {})
        metric = training.get("metric") if isinstance(training, dict) else getattr(training, "metric", None)
        if metric in tuple(metrics.TITLES) and isinstance(evolution, dict) and "objectives" not in evolution:
            return {**given, "evolution": {**evolution, "objectives": (metric,)}}
        return given

    @model_validator(mode="after")
    def _objectives(self) -> Config:
        first, metric = self.evolution.objectives[0], self.training.metric
        if first != metric:
            raise ValueError(
                f"evolution.objectives: expected training.metric, {metric}, as the first one, found {first}; "
                "leave objectives out, or name both alike"
            )
        return self

    @model_validator(mode="after")
    def _signals(self) -> Config:
        if self.dataset.signals and self.search_space.kernel_shape != "row":
            raise ValueError("dataset.signals: signals have no height: set search_space.kernel_shape: row")
        return self

    @model_validator(mode="after")
    def _weights(self) -> Config:
        evolution, most = self.evolution, self.evolution.morphism.weights_mb
        if evolution.strategy != "morphism":
            return self
        if self.compression.enabled:
            raise ValueError(
                "compression.enabled: morphism passes weights on at full width; set compression.enabled: false"
            )
        # Of one generation, its parents and theirs; 4 bytes a parameter.
        networks = evolution.candidates + 2 * evolution.morphism.parents
        needed = networks * self.search_space.max_parameters * 4 / 2**20
        if needed > most:
            raise ValueError(
                f"evolution.morphism.weights_mb: {networks} networks of up to search_space.max_parameters weights take "
                f"{needed:,.0f} MiB, above {most:,.0f}; raise it, or lower search_space.max_parameters"
            )
        return self
