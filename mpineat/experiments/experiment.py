"""Experiment: what one run adds to the thesis's tables (Nikulenkov 2022, section 6.1)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mpineat import finalists, tasks
from mpineat.config import Config
from mpineat.config.difference import changes_outcomes, flat
from mpineat.experiments.prediction import is_trained
from mpineat.tasks import Outcome

# They change no outcome of the search, but what a run costs and which network wins.
PLANNED = ("evolution.generations", "final.")
OWN = ("run.seed", "compression.")  # which pair of a comparison, and which of its two
DISCARDING = ("evolution.early_discarding", "evolution.screen_epochs", "evolution.screen_share")


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRecord:
    """One finished generation; `seconds` is the wall time that it took, over all launches."""

    number: int
    seconds: float
    outcomes: tuple[Outcome, ...]

    @property
    def accuracies(self) -> tuple[float, ...]:
        """Of the networks that have one."""
        return tuple(o.accuracy for o in self.outcomes if o.accuracy is not None)

    @property
    def best(self) -> Outcome | None:
        """The winner among the generation's networks."""
        return tasks.best(self.outcomes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """One run.

    Attributes:
        generations: The finished and readable ones, ascending; a damaged one is missing.
        workers: Processes that evaluate; 0 when that is not recorded or changed on a resume.
        devices: What they evaluated on.
        final: Outcomes of the final; () before it ended and where there is none. Its time is not
            the search's.
        problems: Sentences on what could not be read, and what follows from it.
    """

    path: Path
    run_id: str
    config: Config
    generations: tuple[GenerationRecord, ...]
    workers: int = 0
    devices: tuple[str, ...] = ()
    final: tuple[Outcome, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def seed(self) -> int:
        """The seed that pairs a plain with a compressed experiment."""
        return self.config.run.seed

    @property
    def compressed(self) -> bool:
        """Group (b) of the thesis; False: group (a), plain CoDeepNEAT."""
        return self.config.compression.enabled

    @property
    def discards(self) -> bool:
        """Whether only a part of its networks was trained in full."""
        return self.config.evolution.early_discarding != "none"

    @property
    def planned(self) -> int:
        """Generations that the configuration asks for."""
        return self.config.evolution.generations

    @property
    def finished(self) -> bool:
        """Whether the last planned generation is there."""
        return bool(self.generations) and self.generations[-1].number == self.planned - 1

    @property
    def state(self) -> str:
        """In one word: "whole", "damaged" or "unfinished"."""
        if self.problems:
            return "damaged"
        return "whole" if self.finished else "unfinished"

    @property
    def seconds(self) -> float | None:
        """Wall time of the planned generations; None when one of them is missing."""
        if len(self.generations) < self.planned:
            return None
        return sum(generation.seconds for generation in self.generations)

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """Of all generations, in order."""
        return tuple(o for generation in self.generations for o in generation.outcomes)

    @property
    def last_generation(self) -> tuple[Outcome, ...]:
        """Outcomes of the last planned generation; empty when it is missing."""
        return self.generations[-1].outcomes if self.finished else ()

    @property
    def last_accuracies(self) -> tuple[float, ...]:
        """Accuracies of the last planned generation's networks; empty when it is missing."""
        return self.generations[-1].accuracies if self.finished else ()

    @property
    def winner(self) -> Outcome | None:
        """The final's, or without one the best of all generations; as the search found it."""
        return finalists.winner(self.outcomes, self.final)

    @property
    def finalists(self) -> tuple[finalists.Finalist, ...]:
        """Those of its final, the best first."""
        return finalists.standing(self.outcomes, self.final)

    @property
    def busy_seconds(self) -> float:
        """What all workers together spent on evaluations."""
        return sum(o.seconds.total for o in self.outcomes if o.reused_from is None)

    @property
    def trainings(self) -> int:
        """Evaluations that trained a network to the end."""
        return sum(is_trained(o) for o in self.outcomes)

    @property
    def elapsed_seconds(self) -> float:
        """Wall time of the generations that are there."""
        return sum(generation.seconds for generation in self.generations)

    def first(self, generations: int) -> Experiment:
        """Return the experiment as if it had been planned for so many generations."""
        evolution = self.config.evolution.model_copy(update={"generations": generations})
        return replace(
            self,
            config=self.config.model_copy(update={"evolution": evolution}),
            generations=tuple(g for g in self.generations if g.number < generations),
            final=self.final if generations >= self.planned else (),
        )


def protocol(experiment: Experiment) -> dict[str, Any]:
    """Return the options that two experiments must share to be compared, compression apart."""
    return {
        name: value
        for name, value in flat(experiment.config).items()
        if name.startswith(PLANNED) or (changes_outcomes(name) and not name.startswith(OWN))
    }


def compression_options(experiment: Experiment) -> dict[str, Any]:
    """Return the options that distinguish variants of group (b)."""
    return flat(experiment.config.compression, "compression.")
