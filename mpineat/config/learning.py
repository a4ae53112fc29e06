"""What becomes of one network: compression and training."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import model_validator

from mpineat import metrics
from mpineat.config.section import Count, Named, Positive, Rate, Section, option

# Every evaluation goes through these, in this order.
STAGES = ("assemble", "inherit", "structure_learning", "build", "train", "leave")


class Training(Section):
    """The training that fitness is measured by, and what it may cost."""

    epochs: Count = option(8, "epochs of training for a candidate's fitness (CoDeepNEAT: 8)")
    batch_size: Count = option(128, "examples per training step")
    learning_rate: Positive = option(3e-3, "Adam's step size; its highest where the schedule is falling")
    schedule: Literal["falling", "constant"] = option(
        "falling", "falling: the learning rate rises over the first 5 % of the steps, then falls to 0 along a cosine"
    )
    momentum: float = option(0.9, "Adam's decay of the gradient's mean, beta_1", ge=0, lt=1)
    nesterov: bool = option(False, "look one step ahead along that mean (Dozat 2016)")
    metric: metrics.Name = option(
        "accuracy",
        "what validation measures and fitness is made of; on unequal classes accuracy rewards the answer that is always the "
        "same, the others do not (docs/data.md)",
    )
    class_weights: Literal["none", "balanced"] = option(
        "none", "weight of an image in the loss; balanced: inverse to its class's share of the images that are trained on"
    )
    deterministic: bool = option(False, "bit-equal results on one kind of CPU: deterministic ops, one thread")
    threads: Count | None = option(None, "CPU threads of an evaluation; none: the node's cores shared by its workers")
    max_minutes: Positive | None = option(None, "end a candidate's evaluation after so many minutes, keep it as failed")
    shrink_batch: bool = option(False, "when the GPU's memory is exhausted, try once more at half the batch")
    mixed_precision: Literal["off", "on", "auto"] = option("off", "float16 products on GPUs; auto: measured once per device")
    jit_compile: Literal["off", "on", "auto"] = option("auto", "XLA; auto: off on CPUs, measured once per GPU")
    onednn: Literal["auto", "on", "off", "tensorflow"] = option(
        "auto", "oneDNN's kernels on CPUs; auto: on, off where deterministic; tensorflow: on newer processors alone"
    )
    stages: tuple[Annotated[str, Named("stage")], ...] = option(
        (), "further stages of an evaluation, in this order; each runs before a built-in one of its choice"
    )

    @model_validator(mode="after")
    def _each_stage_once(self) -> Training:
        for place, name in enumerate(self.stages):
            if name in (*STAGES, *self.stages[:place]):
                raise ValueError(f"training.stages: {name!r} runs once in every evaluation already; leave it out")
        return self


class Compression(Section):
    """MorphNet in front of the training (Gordon et al. 2018; thesis, section 4)."""

    enabled: bool = option(True, "false: plain CoDeepNEAT")
    preset: Literal["none", "thesis"] = option(
        "none", "'thesis': absolute threshold 0.1 unless set, strength 1/flops, convolutions alone, reference cost"
    )
    epochs: float = option(
        0.1, "epochs of structure learning (thesis: 1); below 1 that share of the training set, 0 only gradients", ge=0
    )
    learning_rate: Positive = option(1e-3, "Adam's step size in structure learning, constant (Gordon et al. 2018)")
    rule: Literal["budget", "threshold", "elastic", "uniform", "random"] = option(
        "elastic",
        "elastic: target_flops shared out by cost and width, unlearned; budget (default where an option of learning is "
        "set): by how much the loss depends on each layer; threshold: filters above alive_threshold; baselines: uniform, random",
    )
    target_flops: float = option(0.15, "elastic, budget: flops of the compressed network as a share of the full ones", gt=0, le=1)
    min_width: Rate = option(0.7, "budget: no layer keeps less than this share of its uniformly narrowed width")
    strength: float = option(1.0, "regularization strength in units of 1 / what the full network costs of the target (thesis: 1)", ge=0)
    threshold_mode: Literal["absolute", "relative_to_init"] = option(
        "relative_to_init", "compare a filter's norm with alive_threshold itself, or times the layer's initial median"
    )
    alive_threshold: float = option(0.5, "threshold: a filter with a smaller norm is dead (thesis: 0.1, 0.05)", ge=0)
    empty_layer: Literal["keep_strongest", "bypass", "drop_branch"] = option(
        "keep_strongest", "what becomes of a layer without an alive filter"
    )
    target: Literal["flops", "model_size", "group_lasso"] = option(
        "flops", "the resource that the regulariser charges; group_lasso: every group of weights alike, whatever it costs"
    )
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

    @property
    def learns(self) -> bool:
        """Whether there is structure learning; other rules decide the widths without data."""
        return self.enabled and self.rule in ("budget", "threshold")

    @model_validator(mode="before")
    @classmethod
    def _apply_preset(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("preset") == "thesis":
            return {**THESIS_PRESET, **given}
        if isinstance(given, dict) and not LEARNING.isdisjoint(given):
            return {"rule": "budget", **given}
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


class Final(Section):
    """The trainings that end a search and choose its winner among the best networks."""

    candidates: int = option(
        4, "finalists: the search's best different networks, trained at full width when it has ended; 0: no final", ge=0
    )
    epochs: Count | None = option(None, "epochs of each training of the final; none: twice training.epochs")
    seeds: Count = option(2, "trainings of each finalist, each from other weights; the best mean accuracy wins")


# Options that say nothing to a rule that decides without data: whoever sets one wants to learn.
LEARNING = {
    "epochs",
    "learning_rate",
    "min_width",
    "strength",
    "threshold_mode",
    "alive_threshold",
    "target",
    "mode",
    "keep_weights",
    "backend",
}

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
