"""Task and Outcome: all that crosses between ranks, and to a child process, as versioned bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import StringConstraints

from mpineat.genotype.genome import Candidate
from mpineat.wire import Codec, Count, Finite, Label, NonNegative, Positive, Series, Share

# Of a file of weights (weights.py); empty: none.
WeightsName = Annotated[str, StringConstraints(pattern="^(|[0-9a-f]{64})$")]


def column(title: str, unit: str, default: Any) -> Any:
    """Return a field that the page's table of candidates shows under `title`."""
    return field(default=default, metadata={"title": title, "unit": unit})


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The trained weights that a training begins with.

    Attributes:
        parent: What they are the weights of; the candidate's network grew from its network.
        weights: Their file.
        epochs: To train with them; without them, as many as ever.
    """

    parent: Candidate
    weights: WeightsName
    epochs: Positive


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One evaluation that rank 0 asks for.

    Attributes:
        seed: Of the weights, the shuffling and the dropout; derived from the run's seed and the
            network's hash, so equal networks have equal outcomes wherever they are trained.
        compress: Whether structure learning precedes the training.
        flops: Of the uncompressed network, one forward pass.
        values, parameters, layers: Of the uncompressed network; values are the numbers in its maps
            for one example, which is its memory traffic. With flops they predict the seconds, which
            order the queue.
        attempt: 1 for the first try.
        batch_size: None for the configured one; smaller after GPU memory was exhausted.
        context: What stages of the evaluation take from rank 0, by name: from the strategy, or in a
            final its epochs and which of its seeds this is. The seed derives from it too.
        stop_after: Epochs after which the training ends, to be judged by its loss (screening.py);
            0 trains in full. Neither seed nor schedule depend on it: what it begins is the same.
        start: None: new weights. The seed derives from it.
        keep_weights: Whether the trained weights are to be left in a file.
    """

    candidate: Candidate
    network_hash: str
    seed: Count
    compress: bool
    flops: Count
    values: Count = 0
    parameters: Count = 0
    layers: Count = 0
    attempt: Positive = 1
    batch_size: Positive | None = None
    context: Mapping[str, Finite] = field(default_factory=dict)
    stop_after: Count = 0
    start: Start | None = None
    keep_weights: bool = False

    def epochs(self, usual: int) -> int:
        """Return the epochs to train: those of its start, those of a final, or the `usual` ones."""
        return int(self.context.get("epochs", usual)) if self.start is None else self.start.epochs


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds:
    """Where an evaluation's wall time went, in seconds.

    Attributes:
        queue: The wait before it, on rank 0.
        total: Of the evaluation; a little is between the stages.
        stages: Name -> seconds, in the order in which an evaluation goes through them.
    """

    queue: NonNegative = 0.0
    total: NonNegative = 0.0
    stages: Mapping[str, NonNegative] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """One point of a learning curve; a loss may be NaN or infinite.

    Attributes:
        val_metric: The value of training.metric; None where that is accuracy.
    """

    epoch: Count
    loss: float
    accuracy: Share
    val_loss: float
    val_accuracy: Share
    val_metric: Share | None = None

    @property
    def fitness(self) -> float:
        """What the network would be judged by if the training ended here."""
        return self.val_accuracy if self.val_metric is None else self.val_metric


@dataclass(frozen=True, slots=True, kw_only=True)
class Compressed:
    """What structure learning did.

    Attributes:
        dead_at_start: Layer -> share of its filters below the alive threshold before step 1.
        alive: (step, total alive filters) points over structure learning.
        widths: Layer -> (filters before, filters after); after = 0 for a layer that vanished.
        step_seconds: Seconds of a training step before and after, warm.
        removed: Layers that the empty_layer policy took out.
    """

    dead_at_start: Mapping[str, Share] = field(default_factory=dict)
    alive: Series[tuple[Count, Count]] = ()
    widths: Mapping[str, tuple[Count, Count]] = field(default_factory=dict)
    step_seconds: tuple[NonNegative, NonNegative] = (0.0, 0.0)
    removed: Series[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What evaluating a candidate returned; a failure is an Outcome too.

    Attributes:
        status: "ok", "failed", or "discarded": stopped after its first epochs.
        fault: "" unless it failed; whose fault a failure is: "candidate" or "machine".
        reason: "" unless it failed; else a word for the statistics: stages declare theirs, the
            machine's are "killed", "timeout" and "lost".
        detail: One line for the person who looks into it.
        accuracy, loss: On the validation split after a full training; else None.
        metric: The value of training.metric there; None where that is accuracy.
        estimate: Of a discarded one: the fitness that it is taken to have, once its generation has
            ended.
        confusion: (label, taken for, images) of the validation split, in this order; of a training
            of the final alone.
        curve: The epochs of the training, also of one that failed later.
        context: That of the task; equal networks in another context are another evaluation.
        network_before, network_after: Network JSON, before and after compression.
        started: Unix time at which the evaluation began on its worker.
        reused_from: Id of the candidate whose outcome this repeats; None when trained.
        start: The weights that the training began with: "new", or "inherited" from the parent's;
            new ones, too, where those were "gone" or "damaged".
        parent_weights: The file that it was to begin with; "": none.
        weights: The file that its trained weights are in; "": none.
    """

    candidate: Count
    network_hash: str
    status: Annotated[str, StringConstraints(pattern="^(ok|failed|discarded)$")]
    fault: Annotated[str, StringConstraints(pattern="^(|candidate|machine)$")] = ""
    reason: str = ""
    detail: str = ""
    accuracy: Share | None = column("accuracy", "share of 1", None)
    metric: Share | None = column("metric", "share of 1", None)
    loss: float | None = column("loss", "nats", None)
    estimate: Share | None = column("estimate", "share of 1", None)
    flops_before: Count = column("flops before", "flops", 0)
    flops_after: Count = column("flops", "flops", 0)
    parameters_before: Count = 0
    parameters_after: Count = column("parameters", "weights", 0)
    network_before: Mapping[str, Any] | None = None
    network_after: Mapping[str, Any] | None = None
    compressed: Compressed | None = None
    curve: Series[Epoch] = ()
    confusion: Series[tuple[Label, Label, Positive]] = ()
    seconds: Seconds = Seconds()
    started: NonNegative = 0.0
    rank: Count = column("rank", "", 0)
    host: str = ""
    device: str = ""
    attempts: Positive = 1
    reused_from: Count | None = None
    context: Mapping[str, Finite] = field(default_factory=dict)
    start: Annotated[str, StringConstraints(pattern="^(new|inherited|gone|damaged)$")] = "new"
    parent_weights: WeightsName = ""
    weights: WeightsName = ""

    @property
    def fitness(self) -> float | None:
        """What it is judged by: training.metric after a full training, usually the accuracy."""
        return self.accuracy if self.metric is None else self.metric

    @property
    def began_anew(self) -> bool:
        """Whether the weights that it was to begin with were lost."""
        return self.start in LOST


LOST = ("gone", "damaged")  # an Outcome's start from new weights where there were to be others


def ranked(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Return those trained in full, the best first: highest fitness, fewest flops, lowest id."""
    judged = [outcome for outcome in outcomes if outcome.accuracy is not None]
    return sorted(judged, key=_rank)


def best(outcomes: Iterable[Outcome]) -> Outcome | None:
    """Return the first of the ranked ones; None if all failed."""
    return min((o for o in outcomes if o.accuracy is not None), key=_rank, default=None)


def _rank(outcome: Outcome) -> tuple[float, int, int]:
    return -(outcome.fitness or 0.0), outcome.flops_after, outcome.candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """What some outcomes come to.

    Attributes:
        trained: That were trained in full and did not fail.
        discarded: After their first epochs.
        judged: That have an accuracy, trained here or not.
        fitness, flops: Sums over the judged ones; flops after compression.
        seconds: Sum over those that were evaluated and not repeated.
        began_anew: Whose parent's weights were lost.
        reasons: Of failures -> how many.
    """

    number: int = 0
    trained: int = 0
    judged: int = 0
    reused: int = 0
    discarded: int = 0
    fitness: float = 0.0
    flops: int = 0
    seconds: float = 0.0
    began_anew: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)
    best: Outcome | None = None

    @property
    def failed(self) -> int:
        """How many failed."""
        return self.number - self.judged - self.discarded

    @staticmethod
    def of(outcomes: Collection[Outcome]) -> Totals:
        """Add the outcomes up."""
        judged = [o for o in outcomes if o.accuracy is not None]
        return Totals(
            number=len(outcomes),
            trained=sum(o.status == "ok" and o.reused_from is None for o in outcomes),
            judged=len(judged),
            reused=sum(o.reused_from is not None for o in outcomes),
            discarded=sum(o.status == "discarded" for o in outcomes),
            fitness=sum(o.fitness or 0.0 for o in judged),
            flops=sum(o.flops_after for o in judged),
            seconds=sum(o.seconds.total for o in outcomes if o.reused_from is None),
            began_anew=sum(o.began_anew for o in outcomes),
            reasons=Counter(o.reason for o in outcomes if o.status == "failed"),
            best=best(judged),
        )

    def __add__(self, other: Totals) -> Totals:
        """Return the totals of both."""
        return Totals(
            number=self.number + other.number,
            trained=self.trained + other.trained,
            judged=self.judged + other.judged,
            reused=self.reused + other.reused,
            discarded=self.discarded + other.discarded,
            fitness=self.fitness + other.fitness,
            flops=self.flops + other.flops,
            seconds=self.seconds + other.seconds,
            began_anew=self.began_anew + other.began_anew,
            reasons=Counter(self.reasons) + Counter(other.reasons),
            best=best(one for one in (self.best, other.best) if one is not None),
        )


def stage_names(outcomes: Iterable[Outcome]) -> tuple[str, ...]:
    """Return the names of all stages' seconds, in the order of the outcome that has most."""
    longest = sorted((o.seconds.stages for o in outcomes), key=len, reverse=True)
    return tuple(dict.fromkeys(name for stages in longest for name in stages))


TASK = Codec("task", Task)
OUTCOME = Codec("outcome", Outcome)
task_to_bytes, task_from_bytes = TASK.pack, TASK.unpack
outcome_to_bytes, outcome_from_bytes = OUTCOME.pack, OUTCOME.unpack
