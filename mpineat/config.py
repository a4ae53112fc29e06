"""Every option of mpineat on one page: type, range, unit, meaning and source.

Read from YAML by `config_file.py`; written back, resolved, to `config.yaml` in the run directory.
"Thesis" is Nikulenkov 2022, "NEAT" Stanley and Miikkulainen 2002, "CoDeepNEAT" Miikkulainen et al. 2017.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Rate = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


def option(default: Any, meaning: str, **limits: Any) -> Any:
    """Return a field whose meaning `mpineat check --options` prints."""
    return Field(default, description=meaning, **limits)


class Section(BaseModel):
    """A frozen group of options that refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Run(Section):
    """The run as a whole."""

    seed: int = option(0, "root of every random draw; one seed gives one history", ge=0, lt=2**63)
    wall_minutes: Positive | None = option(
        None, "stop in time, with exit code 75, this many minutes after the launch; none: ask the batch system"
    )
    grace_seconds: float = option(
        30.0, "how long a stop waits for evaluations that are about to end, in seconds", ge=0
    )


class Augment(Section):
    """Random changes of the copies of a training image, drawn on the device in the training step."""

    flip: bool = option(True, "mirror left-right with probability 1/2")
    shift: float = option(0.1, "largest shift, as a fraction of height and width", ge=0, le=0.5)
    rotate: float = option(0.0, "largest rotation either way, in degrees", ge=0, le=180)
    brightness: Rate = option(0.0, "largest change of brightness, as a fraction of the full range")
    scale: float = option(0.0, "largest magnification or reduction, as a fraction of the size", ge=0, lt=1)
    contrast: Rate = option(0.0, "largest relative change of the values (CoDeepNEAT: value scale)")
    saturation: Rate = option(0.0, "largest relative change of saturation; colour images alone")
    hue: float = option(0.0, "largest turn of the hue either way, in degrees; colour images alone", ge=0, le=180)
    originals: bool = option(False, "change the first copy too, as CoDeepNEAT does")


class Dataset(Section):
    """The images to classify."""

    name: Literal[
        "digits", "mnist", "fashion_mnist", "cifar10", "cifar100", "tiny_imagenet", "file"
    ] = option("digits", "which reader; 'file' reads your own .npz or .h5 with arrays x and y")
    path: str | None = option(
        None, "folder of the official files, or the file itself for 'file'; none for the embedded digits"
    )
    classes: Count | None = option(
        None, "tiny_imagenet: take the first so many of wnids.txt; none: all (thesis: 100)"
    )
    train_examples: Count | None = option(
        None, "use only so many training images (stratified by class); none: all"
    )
    validation_fraction: float = option(
        0.15, "share of the training set that fitness is measured on (CoDeepNEAT: 7,500 of 50,000)", gt=0, lt=1
    )
    augment_copies: int = option(
        1, "size of the training set in multiples of itself; copies after the first are augmented", ge=1, le=100
    )
    augment: Augment = option(Augment(), "how the copies are augmented")

    @model_validator(mode="after")
    def _needs_path(self) -> Dataset:
        if self.name != "digits" and self.path is None:
            raise ValueError(f"data set {self.name!r} needs dataset.path, the folder or file of its images")
        if self.classes is not None and self.name != "tiny_imagenet":
            raise ValueError("dataset.classes is for tiny_imagenet alone")
        return self


class SearchSpace(Section):
    """Which networks can exist."""

    filters: tuple[Count, Count] = option((16, 68), "fewest and most filters of a convolution (thesis: 16-68)")
    kernel_sizes: tuple[Count, ...] = option((1, 3, 5), "square kernels to choose from (thesis: 1, 3, 5)", min_length=1)
    neighbours: tuple[Literal["none", "max_pooling", "dropout"], ...] = option(
        ("none", "max_pooling", "dropout"), "what may follow a convolution (thesis: all three)", min_length=1
    )
    dropout: tuple[Rate, Rate] = option((0.0, 0.5), "lowest and highest dropout rate (thesis: 0-0.5)")
    batch_norm: bool = option(False, "put batch normalisation into every convolution (thesis: off)")
    joins: tuple[Literal["add", "concat"], ...] = option(
        ("add", "concat"), "how a node may join several inputs", min_length=1
    )
    head: Literal["flatten", "global_average_pool"] = option(
        "flatten", "what turns the last maps into a vector (the pool makes a far smaller first dense layer)"
    )
    dense_layers: int = option(1, "dense layers before the output layer (thesis: 1 or 2)", ge=0, le=8)
    dense_units: tuple[Count, Count] = option((32, 256), "fewest and most units of each of them (thesis: 32-256)")
    initial_module_nodes: tuple[Count, Count] = option((1, 2), "convolutions of a module in generation 0")
    initial_blueprint_nodes: tuple[Count, Count] = option((1, 3), "nodes of a blueprint in generation 0")
    max_module_nodes: Count = option(8, "most convolutions in a module")
    max_blueprint_nodes: Count = option(8, "most nodes in a blueprint")
    max_layers: Count = option(100, "most layers of an assembled network")
    max_parameters: Positive = option(5e6, "most trainable parameters of a network")
    max_flops: Positive = option(
        1e9, "most flops of one forward pass for one example (a multiply-add counts 2)"
    )
    max_memory_mb: Positive = option(8000.0, "most memory of a training step, estimated, in MiB")

    @model_validator(mode="after")
    def _ranges(self) -> SearchSpace:
        for name in ("filters", "dropout", "dense_units", "initial_module_nodes", "initial_blueprint_nodes"):
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


class Evolution(Section):
    """How the two populations evolve."""

    strategy: Literal["codeepneat", "random"] = option("codeepneat", "'random' draws every genome anew: the baseline")
    schedule: Literal["generational", "steady"] = option(
        "generational", "'steady' never waits for a generation's last evaluation; reproducible only by order of arrival"
    )
    generations: Count = option(7, "generations to evaluate (thesis: 7, or 4 for the larger data sets)")
    candidates: Count = option(12, "networks assembled and evaluated in a generation (thesis: 12)")
    modules: Count = option(12, "genomes in the module population")
    blueprints: Count = option(8, "genomes in the blueprint population")
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
    reuse_outcomes: bool = option(True, "an equal network with equal settings is not trained again within a run")
    failed_fitness: Literal["worst", "ignore"] = option(
        "worst", "a candidate that failed by its own fault counts as the generation's worst fitness, or not at all"
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

    @model_validator(mode="after")
    def _sizes(self) -> Evolution:
        for kind in ("module", "blueprint"):
            size, species = getattr(self, f"{kind}s"), getattr(self, f"{kind}_species")
            if species > size:
                raise ValueError(f"evolution.{kind}_species: {species} species cannot hold {size} {kind}s")
        if self.learning_rate[0] > self.learning_rate[1]:
            raise ValueError("evolution.learning_rate: the lower bound is above the upper bound")
        if self.strategy == "random" and self.schedule == "steady":
            raise ValueError("evolution.schedule: random search has no parents to wait for; use generational")
        return self


class Training(Section):
    """The training that fitness is measured by, and what it may cost."""

    epochs: Count = option(8, "epochs of training for a candidate's fitness (CoDeepNEAT: 8)")
    batch_size: Count = option(128, "examples per training step")
    learning_rate: Positive = option(1e-3, "Adam's step size")
    momentum: float = option(0.9, "Adam's decay of the gradient's mean, beta_1", ge=0, lt=1)
    nesterov: bool = option(False, "look one step ahead along that mean (Dozat 2016)")
    deterministic: bool = option(False, "bit-equal results on one kind of CPU: deterministic ops, one thread")
    threads: Count | None = option(None, "CPU threads of an evaluation; none: the node's cores shared by its workers")
    max_minutes: Positive | None = option(None, "end a candidate's evaluation after so many minutes, keep it as failed")
    shrink_batch: bool = option(False, "when the GPU's memory is exhausted, try once more at half the batch")
    mixed_precision: Literal["off", "on", "auto"] = option("off", "float16 products on GPUs; auto: measured once per device")
    jit_compile: Literal["off", "on", "auto"] = option("auto", "XLA; auto: off on CPUs, measured once per GPU")


class Compression(Section):
    """MorphNet in front of the training (Gordon et al. 2018; thesis, section 4)."""

    enabled: bool = option(True, "false: plain CoDeepNEAT")
    preset: Literal["none", "thesis"] = option(
        "none", "'thesis': absolute threshold 0.1 unless set, strength 1/flops, convolutions alone, reference cost"
    )
    epochs: float = option(
        0.25, "epochs of structure learning (thesis: 1); below 1 that share of the training set, 0 only gradients", ge=0
    )
    rule: Literal["budget", "threshold", "elastic", "uniform", "random"] = option(
        "budget",
        "budget: target_flops shared out by how much the loss depends on each layer; threshold: filters above "
        "alive_threshold stay; elastic: target_flops shared out by cost and width, unlearned; baselines: uniform, random",
    )
    target_flops: float = option(0.35, "budget: flops of the compressed network as a share of the full ones", gt=0, le=1)
    min_width: Rate = option(0.7, "budget: no layer keeps less than this share of its uniformly narrowed width")
    strength: float = option(1.0, "regularization strength in units of 1 / full flops (thesis: 1)", ge=0)
    threshold_mode: Literal["absolute", "relative_to_init"] = option(
        "relative_to_init", "compare a filter's norm with alive_threshold itself, or times the layer's initial median"
    )
    alive_threshold: float = option(0.5, "threshold: a filter with a smaller norm is dead (thesis: 0.1, 0.05)", ge=0)
    empty_layer: Literal["keep_strongest", "bypass", "drop_branch"] = option(
        "keep_strongest", "what becomes of a layer without an alive filter"
    )
    target: Literal["flops", "model_size"] = option("flops", "the resource that the regulariser charges")
    mode: Literal["tracked", "reference"] = option(
        "tracked", "whether dead filters cheapen a dense layer behind flatten; 'reference' as in Google's library"
    )
    convolutions_only: bool = option(False, "narrow convolutions alone, as Google's exporter does")
    round_widths_to: Count = option(1, "round alive filters up to a multiple of this (GPUs like 8)")
    width_multiplier: float = option(1.0, "widen all layers after shrinking (MorphNet's expansion; thesis: off)", ge=1)
    iterations: Count = option(1, "rounds of shrinking and widening (Gordon et al., algorithm 1)")
    keep_weights: bool = option(False, "start the training from the survivors' weights (thesis: new weights)")
    inherit: bool = option(False, "write compressed widths back into the genotypes (thesis, algorithm 2)")
    every: Count = option(1, "with inherit: compress in every so-many-th generation only")
    backend: Literal["native", "morph_net"] = option("native", "'morph_net' uses Google's library where installed")

    @model_validator(mode="before")
    @classmethod
    def _apply_preset(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("preset") == "thesis":
            return {**THESIS_PRESET, **given}
        return given

    @model_validator(mode="after")
    def _combinations(self) -> Compression:
        if self.every > 1 and not self.inherit:
            raise ValueError("compression.every needs compression.inherit: without it every generation is compressed")
        if self.backend == "morph_net" and self.target != "flops":
            raise ValueError("compression.backend morph_net supports the target flops alone")
        if self.backend == "morph_net" and self.threshold_mode != "absolute":
            raise ValueError("compression.backend morph_net needs compression.threshold_mode absolute")
        return self


# What the thesis's text fixes (section 6.2); its exporter lists convolutions alone.
THESIS_PRESET = {
    "epochs": 1.0,
    "rule": "threshold",
    "strength": 1.0,
    "threshold_mode": "absolute",
    "alive_threshold": 0.1,
    "mode": "reference",
    "convolutions_only": True,
}


class Farm(Section):
    """The worker ranks and the child processes in which they train."""

    evaluator: Literal["training", "dry_run"] = option(
        "training", "'dry_run' replaces the training by a formula: tries a cluster, a batch script, a budget in seconds"
    )
    dry_run_seconds: float = option(0.0, "dry_run: mean seconds an evaluation sleeps, log-normal", ge=0)
    task_minutes: Positive = option(120.0, "an evaluation that takes longer is killed and tried elsewhere, in minutes")
    tasks_per_child: Count = option(100, "evaluations after which a child process is replaced (TensorFlow's memory grows)")
    attempts: Count = option(2, "how often a candidate is tried when the machine fails it")
    python: str | None = option(None, "interpreter of the child processes; none: the rank's own")
    start_seconds: Positive = option(300.0, "longest start of a child (importing TensorFlow from a cold file system)")
    beat_seconds: Positive = option(5.0, "a worker rank reports its state this often, in seconds")
    lost_seconds: Positive = option(120.0, "a worker rank silent for so long counts as lost")
    growth_mb: Positive = option(4000.0, "a child whose resident memory grew by more is replaced, in MiB")
    memory_mb: Positive | None = option(None, "a child whose resident memory exceeds it is killed, in MiB; none: no limit")
    share_gpu: bool = option(True, "more workers than GPUs on a node share them, with a warning; false: the rest idle")


class Config(Section):
    """All options."""

    run: Run = option(Run(), "the run as a whole")
    dataset: Dataset = option(Dataset(), "the images")
    search_space: SearchSpace = option(SearchSpace(), "which networks can exist")
    evolution: Evolution = option(Evolution(), "how the populations evolve")
    training: Training = option(Training(), "how fitness is measured")
    compression: Compression = option(Compression(), "MorphNet in front of the training")
    farm: Farm = option(Farm(), "ranks and child processes")
