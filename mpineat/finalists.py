"""The finalists: which networks enter a search's final, how they stand in it, and which one wins.

Validation accuracies of short trainings rank good networks unreliably, and the best of many is
partly the luckiest; so the best few are trained once more, for longer, and compared by their means.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mpineat import metrics, objectives, units
from mpineat.config import Config
from mpineat.data.full_training import on_photographs
from mpineat.tasks import Outcome, best, ranked

EPOCHS_IN_FITNESSES = 2  # final.epochs where it is not set


@dataclass(frozen=True, slots=True, kw_only=True)
class Finalist:
    """A network of the final.

    Attributes:
        found: Its best outcome in the search; the winner is known by this candidate.
        trained: Its outcomes in the final, by seed, failures among them.
    """

    found: Outcome
    trained: tuple[Outcome, ...]

    @property
    def fitnesses(self) -> tuple[float, ...]:
        """Of its trainings that did not fail, by seed."""
        return tuple(o.fitness for o in self.trained if o.fitness is not None)

    @property
    def mean(self) -> float | None:
        """Of its fitnesses; None where every training failed."""
        return _mean(self.fitnesses)

    @property
    def mean_accuracy(self) -> float | None:
        """The same as `mean`, unless training.metric is another one."""
        return _mean([o.accuracy for o in self.trained if o.accuracy is not None])


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def epochs(config: Config) -> int:
    """Return the epochs of a training of the final."""
    return config.final.epochs or EPOCHS_IN_FITNESSES * config.training.epochs


def contexts(config: Config) -> tuple[Mapping[str, float], ...]:
    """Return what distinguishes the trainings of one finalist, by seed (Task.context)."""
    return tuple({"epochs": epochs(config), "seed": seed} for seed in range(config.final.seeds))


def described(config: Config) -> str:
    """Return "4 networks x 2 seeds, 24 epochs each, at full width"."""
    networks = units.plural(config.final.candidates, "network")
    seeds = units.plural(config.final.seeds, "seed")
    moved = ", images mirrored and shifted" if on_photographs(config) else ""
    length = units.plural(epochs(config), "epoch")
    return f"{networks} x {seeds}, {length} each, at full width{moved}"


def entrants(
    outcomes: Iterable[Outcome], count: int, chosen: Sequence[str] = (metrics.ACCURACY,)
) -> tuple[Outcome, ...]:
    """Return the best outcomes of a search, one for each of `count` different networks.

    Args:
        chosen: evolution.objectives. With two they are spread along the front, its ends first.
    """
    different: dict[str, Outcome] = {}
    for outcome in ranked(outcomes):
        different.setdefault(outcome.network_hash, outcome)
    return tuple(objectives.best_first(different.values(), chosen)[:count])


def possible(outcomes: Iterable[Outcome], config: Config) -> tuple[Outcome, ...]:
    """Return those of a search so far that may enter its final, whatever is still to come."""
    count, chosen = config.final.candidates, config.evolution.objectives
    if len(chosen) == 1 or count == 0:
        return entrants(outcomes, count)
    # Of two objectives nobody on the front is out of it, however long that is.
    outcomes = tuple(outcomes)
    front = len(objectives.front(outcomes, chosen))
    return entrants(outcomes, max(count, front), chosen)


def standing(searched: Iterable[Outcome], final: Iterable[Outcome]) -> tuple[Finalist, ...]:
    """Return the finalists, the best first: highest mean, fewest flops, lowest id.

    Args:
        searched: Outcomes of the search.
        final: Outcomes of its final, also of one that goes on.
    """
    trained: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in final:
        trained[outcome.network_hash].append(outcome)
    of_finalists = [outcome for outcome in searched if outcome.network_hash in trained]
    finalists = [
        Finalist(
            found=found,
            trained=tuple(
                sorted(trained[found.network_hash], key=lambda o: o.context.get("seed", 0))
            ),
        )
        for found in entrants(of_finalists, len(trained))
    ]
    return tuple(
        sorted(finalists, key=lambda f: (-(f.mean or 0.0), f.found.flops_before, f.found.candidate))
    )


def winner(searched: Iterable[Outcome], final: Iterable[Outcome] = ()) -> Outcome | None:
    """Return the winner's best outcome in the search; None if nothing could be trained.

    Args:
        final: Outcomes of the whole final; without them the best of the search wins.
    """
    searched = tuple(searched)
    first = next(iter(standing(searched, final)), None)
    return first.found if first is not None and first.mean is not None else best(searched)
