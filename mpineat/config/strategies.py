"""What single strategies take beside the sizes and rates that all of them share."""

from __future__ import annotations

from mpineat.config.section import Count, Positive, Rate, Section, option


class Grid(Section):
    """Grid search."""

    levels: Count = option(4, "widths, and numbers of dense units, that the grid spreads over their ranges")
    depth: Count = option(4, "most modules one behind another in the grid")


class RegularizedEvolution(Section):
    """Regularised evolution (Real et al. 2019)."""

    population: Count = option(20, "networks alive; the first so many are drawn at random (Real et al.: 100 of 20,000)")
    sample: Count = option(5, "networks drawn for a tournament, whose best has a child (Real et al.: 25 of 100)")


class Morphism(Section):
    """Hill climbing by network morphism (NASH, Elsken et al. 2017)."""

    parents: Count = option(1, "best networks so far, of which each child grows from one (NASH: 1)")
    morphisms: Count = option(3, "most morphisms between a child and its parent (NASH: 5)")
    epochs: Count = option(3, "epochs of training for a child, which begins with its parent's weights (first networks: training.epochs)")
    patience: Count = option(3, "generations without a better network after which the climb begins again with small ones")
    weights_mb: Positive = option(1000.0, "most that files of weights may take in the run directory, in MiB")


class Bayesian(Section):
    """Bayesian optimisation."""

    initial: Count = option(16, "networks drawn at random before the model has a say")
    parents: Count = option(10, "best networks whose mutants are proposed (BANANAS)")
    proposals: Count = option(100, "mutants and random draws that the model chooses from in a generation")
    outcomes: int = option(200, "most outcomes that the model is fitted to: the best half, and of the others a random one", ge=8)


class Tpe(Section):
    """Optuna's TPE (extra optuna)."""

    initial: Count = option(16, "networks drawn at random before the densities have a say")
    samples: Count = option(24, "draws from the density of the good ones, of which the best ratio is taken (Optuna: 24)")
    outcomes: int = option(500, "most outcomes that it knows: the best half, and of the others a random one", ge=8)


class Reinforce(Section):
    """Reinforcement learning."""

    learning_rate: Positive = option(0.1, "step of the controller's Adam")
    entropy: float = option(0.02, "weight of the entropy of its choices, which keeps it from settling early", ge=0)
    memory: Rate = option(0.8, "what the moving baseline keeps of itself in a generation (Zoph and Le: a moving average)")
