"""Network morphism: hill climbing whose steps are larger networks that compute what the best does.

Children begin with their parent's trained weights and train shortly (Elsken et al. 2017, NASH;
Kwasigroch et al. 2019).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from mpineat.config import Config
from mpineat.evolution.architectures import ArchitectureSearch, Plain, Proposals
from mpineat.evolution.selection import ranked
from mpineat.evolution.state import Result, State
from mpineat.genotype.architecture import Architecture, small_architecture
from mpineat.genotype.draws import Draws
from mpineat.genotype.genome import Candidate
from mpineat.genotype.morphisms import grown
from mpineat.tasks import Start
from mpineat.units import plural

TRIES = 100  # children in a row that are no network, before a small one is drawn instead

# Names in the memory: ids of networks, [networks]; the SHA-256 of each one's weights, [networks,
# 32]; the same of those that were needed a generation earlier, which can then be repeated; for how
# many generations nothing better was found.
IDS, WEIGHTS, EARLIER, STILL = "ids", "weights", "weights_earlier", "still"


class Morphism(ArchitectureSearch):
    """The strategy `morphism`: one generation is one step of all the best networks."""

    passes_on_weights = True

    def proposals(self, state: State, config: Config, draws: Draws) -> Proposals:
        """Return small random networks at first, then children of the best."""
        known, everyone = _known(state), _architectures(state)
        return _Growing([everyone[id] for id in everyone if id in known], state, config, draws)

    def tell(self, state: State, results: Sequence[Result], config: Config) -> State:
        """Credit the results, and remember where their weights are."""
        told = super().tell(state, results, config)
        known = _known(state)
        known |= {r.candidate.id: r.outcome.weights for r in results if r.outcome.weights}
        return replace(told, memory={**told.memory, **_rows(known)})

    def survivors(self, state: State, config: Config) -> Collection[int]:
        """Return the best that left their weights; nobody, where the climb begins again."""
        options, fitness, known = config.evolution.morphism, state.blueprints.fitness, _known(state)
        best = ranked([id for id in fitness if id in known], fitness)[: options.parents]
        return () if _still(state, best) >= options.patience else best

    def breed(self, state: State, config: Config) -> State:
        """Return the next generation, of the best; what is no longer needed is forgotten."""
        bred = super().breed(state, config)
        known = _known(state)
        staying = {g.id: known[g.id] for g in bred.blueprints.genomes}
        earlier = _rows({id: known[id] for id in _parents(state)})[WEIGHTS]
        still = np.array(_still(state, list(staying)))
        return replace(bred, memory={**_rows(staying), EARLIER: earlier, STILL: still})

    def start(self, state: State, candidate: Candidate, config: Config) -> Start | None:
        """Return the weights of the candidate's parent; None for the first networks."""
        known = _known(state)
        for id in candidate.blueprint.parents:
            if id in known:
                parent = _architectures(state)[id]
                return Start(
                    parent=Candidate(id, parent.blueprint.birth, parent.blueprint, parent.modules),
                    weights=known[id],
                    epochs=config.evolution.morphism.epochs,
                )
        return None

    def weights_needed(self, state: State) -> frozenset[str]:
        """Return the files of the living, and of those that lived a generation before."""
        earlier = state.memory.get(EARLIER, _NOTHING)
        return frozenset([*_known(state).values(), *map(_name, earlier)])

    def explain(self, config: Config) -> Iterator[str]:
        """Say who is trained for how long."""
        options = config.evolution.morphism
        yield (
            f"morphism      children train for {plural(options.epochs, 'epoch')} from their "
            f"parent's weights, the first {plural(config.evolution.candidates, 'network')} for "
            f"{config.training.epochs}"
        )


class _Growing(Plain):
    """Children of the parents; small random networks where there are none, or none that fits."""

    def __init__(
        self, parents: Sequence[Architecture], state: State, config: Config, draws: Draws
    ) -> None:
        super().__init__(self._next, state)
        self._parents, self._config, self._own_draws = parents, config, draws
        self._tries = 0

    def _next(self) -> Architecture:
        self._tries += 1
        if not self._parents or self._tries > TRIES:
            return small_architecture(self._config, self._own_draws)
        found = self._own_draws.choice(self._parents)
        for _ in range(self._own_draws.between((1, self._config.evolution.morphism.morphisms))):
            found = grown(found, self._config, self._own_draws)
        return found

    def take(self, candidate: Candidate) -> None:
        self._tries = 0


_NOTHING = np.zeros((0, 32), np.uint8)


def _architectures(state: State) -> dict[int, Architecture]:
    """Return the architectures in the state by id, with the ids of nodes that they have."""
    modules = {module.id: module for module in state.modules.genomes}
    return {
        genome.id: Architecture(
            genome, tuple([(slot, modules[id]) for slot, id in genome.retained])
        )
        for genome in state.blueprints.genomes
    }


def _parents(state: State) -> list[int]:
    """Return the ids of those that this generation grew from."""
    return [g.id for g in state.blueprints.genomes if g.birth < state.generation]


def _still(state: State, staying: Sequence[int]) -> int:
    """Return for how many generations in a row those that stay have been the same."""
    same = bool(staying) and sorted(staying) == _parents(state)
    return int(state.memory.get(STILL, 0)) + 1 if same else 0


def _known(state: State) -> dict[int, str]:
    """Return the file of each network's weights."""
    ids, names = state.memory.get(IDS, ()), state.memory.get(WEIGHTS, _NOTHING)
    return {int(id): _name(row) for id, row in zip(ids, names, strict=True)}


def _rows(known: Mapping[int, str]) -> dict[str, np.ndarray]:
    digests = b"".join([bytes.fromhex(name) for name in known.values()])
    return {
        IDS: np.array(list(known), np.int64),
        WEIGHTS: np.frombuffer(digests, np.uint8).reshape(-1, 32),
    }


def _name(row: np.ndarray) -> str:
    return row.tobytes().hex()
