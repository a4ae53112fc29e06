"""The networks that can exist, and how the populations that describe them evolve."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from mpineat import metrics
from mpineat.config.section import Count, Named, Positive, Rate, Section, option
from mpineat.config.strategies import Bayesian, Grid, Morphism, RegularizedEvolution, Reinforce, Tpe

INITIAL = ("module_nodes", "blueprint_nodes", "reductions")
NotNegative = Annotated[int, Field(ge=0)]

# What an expert's network of today has and the thesis's space lacks. Filters are those before the first reduction.
MODERN_PRESET: dict[str, Any] = {
    "filters": (8, 32),
    "filters_scale": "geometric",
    "kernel_sizes": (3, 5),
    "neighbours": ("none",),
    "convolutions": ("full", "separable"),
    "activations": ("relu", "swish"),
    "batch_norm": True,
    "norm_momentum": 0.9,
    "joins": ("residual", "concat"),
    "reductions": ("none", "max_pooling"),  # in short trainings better than stride (docs/method.md)
    "head": "global_average_pool",
    "dense_layers": 0,
    "initial_blueprint_nodes": (3, 6),
    "max_module_nodes": 4,
    "max_blueprint_nodes": 10,
}


def _said(preset: dict[str, Any]) -> str:
    """Return what a preset sets, as it is written in YAML."""
    values = ((name, str(value).lower() if isinstance(value, bool) else value) for name, value in preset.items())
    return ", ".join(
        f"{name} [{', '.join(map(str, value))}]" if isinstance(value, tuple) else f"{name} {value}"
        for name, value in values
    )


class SearchSpace(Section):
    """Which networks can exist."""

    preset: Literal["thesis", "modern"] = option(
        "thesis", f"'modern' sets, where they are not written: {_said(MODERN_PRESET)}"
    )
    filters: tuple[Count, Count] = option((16, 68), "fewest and most filters of a convolution (thesis: 16-68)")
    filters_scale: Literal["linear", "geometric"] = option(
        "linear", "every number of filters as likely as the next one, or every ratio"
    )
    kernel_sizes: tuple[Count, ...] = option((1, 3, 5), "kernels to choose from (thesis: 1, 3, 5)", min_length=1)
    kernel_shape: Literal["square", "row"] = option(
        "square", "kernels kxk and pools 2x2 (thesis), or 1xk and 1x2 for signals, which are images of height 1"
    )
    neighbours: tuple[Literal["none", "max_pooling", "dropout"], ...] = option(
        ("none", "max_pooling", "dropout"), "what may follow a convolution (thesis: all three)", min_length=1
    )
    dropout: tuple[Rate, Rate] = option((0.0, 0.5), "lowest and highest dropout rate (thesis: 0-0.5)")
    convolutions: tuple[Literal["full", "separable"], ...] = option(
        ("full",), "kinds of convolution; separable: a depthwise one, then one of 1x1", min_length=1
    )
    activations: tuple[Literal["relu", "swish"], ...] = option(
        ("relu",), "what a convolution may end in (thesis: ReLU)", min_length=1
    )
    batch_norm: bool = option(False, "put batch normalisation into every convolution (thesis: off)")
    norm_momentum: float = option(
        0.99, "batch_norm: of its moving mean and variance; 0.9 follows trainings of few steps", ge=0, lt=1
    )
    joins: tuple[Literal["add", "concat", "residual"], ...] = option(
        ("add", "concat"),
        "how a node may join several inputs; residual: an add, and the module's input is added to its output",
        min_length=1,
    )
    reductions: tuple[Literal["none", "stride", "max_pooling"], ...] = option(
        ("none",),
        "how a blueprint's node may begin a stage, of half the resolution and twice the filters; 'none' is one of them",
    )
    head: Literal["flatten", "global_average_pool"] = option(
        "flatten", "what turns the last maps into a vector (the pool makes a far smaller first dense layer)"
    )
    dense_layers: int = option(1, "dense layers before the output layer (thesis: 1 or 2)", ge=0, le=8)
    dense_units: tuple[Count, Count] = option((32, 256), "fewest and most units of each of them (thesis: 32-256)")
    initial_module_nodes: tuple[Count, Count] = option((1, 2), "convolutions of a module in generation 0")
    initial_blueprint_nodes: tuple[Count, Count] = option((1, 3), "nodes of a blueprint in generation 0")
    initial_reductions: tuple[NotNegative, NotNegative] = option(
        (2, 3), "with reductions: fewest and most of them in a blueprint of generation 0, evenly spread"
    )
    max_module_nodes: Count = option(8, "most convolutions in a module")
    max_blueprint_nodes: Count = option(8, "most nodes in a blueprint")
    max_layers: Count = option(100, "most layers of an assembled network")
    max_parameters: Positive = option(5e6, "most trainable parameters of a network")
    max_flops: Positive = option(
        1e9, "most flops of one forward pass for one example (a multiply-add counts 2)"
    )
    max_memory_mb: Positive = option(8000.0, "most memory of a training step, estimated, in MiB")

    @property
    def has_stages(self) -> bool:
        """Whether blueprints' nodes may reduce the resolution."""
        return len(self.reductions) > 1

    @model_validator(mode="before")
    @classmethod
    def _apply_preset(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("preset") != "modern":
            return given
        most = given.get("max_blueprint_nodes")
        if isinstance(most, int) and "initial_blueprint_nodes" not in given:  # the preset's yield to it
            fewer = tuple(min(nodes, most) for nodes in MODERN_PRESET["initial_blueprint_nodes"])
            given = {**given, "initial_blueprint_nodes": fewer}
        return {**MODERN_PRESET, **given}

    @field_validator("convolutions", "activations", "reductions")
    @classmethod
    def _each_once(cls, value: tuple[Any, ...]) -> tuple[Any, ...]:
        if len(set(value)) < len(value):
            raise ValueError(f"expected each choice once, found {list(value)}")
        return value

    @model_validator(mode="after")
    def _ranges(self) -> SearchSpace:
        if "none" not in self.reductions:
            raise ValueError(f"search_space.reductions: 'none' is missing, found {list(self.reductions)}")
        bounds = ("filters", "dropout", "dense_units", *(f"initial_{what}" for what in INITIAL))
        for name in bounds:
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"search_space.{name}: the lower bound {low} is above the upper bound {high}")
        if self.initial_module_nodes[1] > self.max_module_nodes:
            raise ValueError("search_space.initial_module_nodes exceeds search_space.max_module_nodes")
        if self.initial_blueprint_nodes[1] > self.max_blueprint_nodes:
            raise ValueError("search_space.initial_blueprint_nodes exceeds search_space.max_blueprint_nodes")
        return self


class Mutation(Section):
    """Probability of each mutation for one offspring. CoDeepNEAT gives no rates; these are after NEAT's."""

    add_node: Rate = option(0.15, "split a connection by a new node (NEAT: 0.03 in large populations)")
    remove_node: Rate = option(0.08, "remove a node and bridge its neighbours")
    add_connection: Rate = option(0.15, "connect two nodes, never closing a cycle (NEAT: 0.05-0.3)")
    remove_connection: Rate = option(0.08, "remove a connection that no path depends on")
    toggle_connection: Rate = option(0.05, "enable or disable a connection")
    perturb: Rate = option(0.4, "per numeric setting: add Gaussian noise, clipped to the range")
    perturb_scale: Positive = option(0.15, "standard deviation of that noise, as a fraction of the range")
    replace: Rate = option(0.1, "per setting: draw it anew")
    switch_neighbour: Rate = option(0.1, "per module node: another neighbour layer")
    switch_join: Rate = option(0.05, "per module: the other join")
    repoint: Rate = option(0.15, "per blueprint node: point to another module species")
    switch_reduction: Rate = option(0.05, "per blueprint node: another of search_space.reductions")


class Distance(Section):
    """Weights of the compatibility distance."""

    structure: float = option(1.0, "weight of genes that only one of the two genomes has (NEAT: c1 = c2 = 1)", ge=0)
    settings: float = option(0.5, "weight of the mean difference of shared genes' settings (NEAT: c3 = 0.4)", ge=0)

    @model_validator(mode="after")
    def _some_weight(self) -> Distance:
        if self.structure + self.settings == 0:
            raise ValueError("evolution.distance: one of structure and settings must be above 0")
        return self


class TrainingRanges(Section):
    """What `evolve_training` evolves beside the learning rate (CoDeepNEAT, table 1); equal bounds fix a setting."""

    momentum: tuple[Rate, Rate] = option((0.68, 0.99), "training.momentum")
    nesterov: tuple[bool, ...] = option((False, True), "training.nesterov", min_length=1)
    flip: tuple[bool, ...] = option((False, True), "dataset.augment.flip", min_length=1)
    shift: tuple[Rate, Rate] = option((0.0, 0.1), "shift (table: crops of 26 to 32 of 32 pixels, so 3 / 32 either way)")
    scale: tuple[Rate, Rate] = option((0.0, 0.3), "scale (table: spatial scaling)")
    rotate: tuple[float, float] = option((0.0, 15.0), "rotate, in degrees (not in the table)")
    brightness: tuple[Rate, Rate] = option((0.0, 0.5), "brightness (table: value shift)")
    contrast: tuple[Rate, Rate] = option((0.0, 0.5), "contrast (table: value scale)")
    saturation: tuple[Rate, Rate] = option((0.0, 0.5), "saturation (table: saturation scale)")
    hue: tuple[float, float] = option((0.0, 45.0), "hue, in degrees (table: hue shift)")

    @model_validator(mode="after")
    def _ascending(self) -> TrainingRanges:
        limits = {"momentum": 0.999, "shift": 0.5, "scale": 0.9, "rotate": 180.0, "hue": 180.0}
        for name in set(TrainingRanges.model_fields) - {"nesterov", "flip"}:
            (low, high), most = getattr(self, name), limits.get(name, 1.0)
            if not 0 <= low <= high <= most:
                raise ValueError(f"evolution.ranges.{name}: {low} to {high} is no range within 0 to {most}")
        return self


FOR_ONE_OBJECTIVE = ("bayesian", "tpe", "reinforce", "morphism")  # strategies that cannot heed a second one


class Evolution(Section):
    """How the two populations evolve."""

    strategy: Annotated[str, Named("strategy")] = option("codeepneat", "how candidates are found (docs/strategies.md); 'random' is the baseline")
    schedule: Literal["generational", "steady"] = option(
        "generational", "'steady' never waits for a generation's last evaluation; reproducible only by order of arrival"
    )
    objectives: tuple[Literal[metrics.Name, "flops", "parameters"], ...] = option(
        ("accuracy",),
        "training.metric alone, or a second one beside it: [accuracy, flops] looks for the best trade-offs (NSGA-II)",
    )
    generations: Count = option(7, "generations to evaluate (thesis: 7, or 4 for the larger data sets)")
    candidates: Count = option(12, "networks assembled and evaluated in a generation (thesis: 12)")
    modules: Count = option(24, "genomes in the module population")
    blueprints: Count = option(16, "genomes in the blueprint population")
    module_species: Count = option(3, "species of modules that the compatibility threshold is steered towards; at most 1 more")
    blueprint_species: Count = option(2, "species of blueprints that the threshold is steered towards; at most 1 more")
    min_species: Count = option(1, "fewest species that stagnation leaves in a population")
    elites: int = option(1, "best genomes of a population that live on unchanged", ge=0)
    elites_per_species: int = option(1, "best genomes of each species of 3 or more that live on unchanged", ge=0)
    survival: float = option(0.3, "best share of a species that may have offspring (NEAT: 0.2)", gt=0, le=1)
    crossover: Rate = option(0.5, "share of offspring that have two parents")
    interspecies: Rate = option(0.05, "share of crossovers whose second parent is of another species")
    stagnation: Count = option(8, "generations without a better best fitness after which a species dies")
    retain_modules: Rate = option(
        0.5, "chance that a blueprint node takes the module that served it best before instead of a new draw"
    )
    avoid_repeats: bool = option(True, "draw again where a network is drawn that the run knows, as long as others come")
    reuse_outcomes: bool = option(True, "an equal network with equal settings is not trained again within a run")
    early_discarding: Literal["none", "screen"] = option(
        "screen", "'screen' trains a generation's networks for screen_epochs and only the best of them in full"
    )
    screen_epochs: Count | None = option(
        None, "epochs after which they are compared by their validation loss; none: as few as have 60 steps"
    )
    screen_share: float = option(1 / 3, "share of a generation's networks that is trained in full", gt=0, le=1)
    failed_fitness: Literal["worst", "ignore"] = option(
        "worst", "a candidate that failed by its own fault counts as the generation's worst fitness, or not at all"
    )
    misfit_fitness: Literal["worst", "ignore"] = option(
        "worst", "a genome of which no network within the limits could be drawn counts as the worst, or as its species' mean (codeepneat)"
    )
    evolve_training: bool = option(
        False, "evolve learning rate, momentum and augmentation with the blueprint (CoDeepNEAT; thesis: off)"
    )
    learning_rate: tuple[Positive, Positive] = option(
        (1e-4, 1e-1), "range of the evolved learning rate, log scale (CoDeepNEAT)"
    )
    ranges: TrainingRanges = option(TrainingRanges(), "ranges of the other evolved settings of training")
    mutation: Mutation = option(Mutation(), "rates of the mutations")
    distance: Distance = option(Distance(), "weights of the compatibility distance")
    grid: Grid = option(Grid(), "of the strategy 'grid'")
    bayesian: Bayesian = option(Bayesian(), "of the strategy 'bayesian'")
    tpe: Tpe = option(Tpe(), "of the strategy 'tpe'")
    reinforce: Reinforce = option(Reinforce(), "of the strategy 'reinforce'")
    morphism: Morphism = option(Morphism(), "of the strategy 'morphism'")
    regularized_evolution: RegularizedEvolution = option(RegularizedEvolution(), "of the strategy of this name")

    @field_validator("objectives")
    @classmethod
    def _metric_first(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        kinds = [name in metrics.TITLES for name in value]
        if kinds not in ([True], [True, False]):
            expected = "accuracy or another training.metric, then at most one of flops and parameters"
            raise ValueError(f"evolution.objectives: expected {expected}, found {list(value)}")
        return value

    @model_validator(mode="after")
    def _sizes(self) -> Evolution:
        for kind in ("module", "blueprint"):
            size, species = getattr(self, f"{kind}s"), getattr(self, f"{kind}_species")
            if species > size:
                raise ValueError(f"evolution.{kind}_species: {species} species cannot hold {size} {kind}s")
        if self.learning_rate[0] > self.learning_rate[1]:
            raise ValueError("evolution.learning_rate: the lower bound is above the upper bound")
        if len(self.objectives) > 1 and self.strategy in FOR_ONE_OBJECTIVE:
            raise ValueError(
                f"evolution.objectives: {self.strategy} follows {self.objectives[0]} alone; leave {self.objectives[1]} out, or take "
                "codeepneat, deepneat or regularized_evolution"
            )
        if self.strategy == "random" and self.schedule == "steady":
            raise ValueError("evolution.schedule: random search has no parents to wait for; use generational")
        if self.strategy == "morphism" and self.schedule == "steady":
            raise ValueError("evolution.schedule: morphism climbs a generation at a time; use generational")
        return self
