"""The page's part about the winner: how it is built, how it was trained, from whom it descends."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from mpineat import metrics, units
from mpineat.genotype.genome import Blueprint, Candidate, Module
from mpineat.genotype.hyperparameters import described
from mpineat.phenotype.network import Network
from mpineat.report import charts, drawing
from mpineat.report.family import family
from mpineat.report.overview import Overview
from mpineat.store import Generation
from mpineat.tasks import Outcome

BLUEPRINT_COLOUR = "#697586"


def winner(view: Overview[Generation]) -> dict[str, Any] | None:
    """Return the winner's drawings and story; None while no candidate has been trained."""
    best = view.best
    if best is None:
        return None
    candidate = view.candidate(best.candidate)
    chosen = candidate.modules if candidate else ()
    species_of = {module.id: species for species, module in chosen}
    network = None
    if best.network_before is not None and best.network_after is not None:
        network = drawing.network_drawing(
            Network.from_json(best.network_before),
            Network.from_json(best.network_after),
            species_of,
        )
    learning = charts.learning_chart(best, metrics.TITLES[view.config.training.metric])
    return {
        "id": best.candidate,
        "story": _winner_story(view, best, candidate),
        "blueprint_id": candidate.blueprint.id if candidate else None,
        "blueprint": Markup(drawing.blueprint_drawing(candidate)) if candidate else None,
        "modules": [
            (
                f"Module {module.id}, species {species}",
                Markup(
                    drawing.module_drawing(module, species, view.config.search_space.kernel_shape)
                ),
            )
            for species, module in chosen
        ],
        "network": network and Markup(network),
        "learning": learning and Markup(learning),
    }


def _winner_story(view: Overview[Generation], best: Outcome, candidate: Candidate | None) -> str:
    parts = [
        f"Found in generation {view.generation_of[best.candidate]}, trained in "
        f"{units.duration(best.seconds.total)} on rank {best.rank}"
        + "".join(f", {place}" for place in (best.host, best.device) if place)
    ]
    if best.reused_from is not None:
        parts = [
            f"Found in generation {view.generation_of[best.candidate]}, an equal network of "
            f"candidate {best.reused_from}"
        ]
    by_threshold = view.config.compression.rule == "threshold"
    if by_threshold and best.compressed is not None and best.compressed.dead_at_start:
        shares = best.compressed.dead_at_start.values()
        dead = sum(shares) / len(shares)
        parts.append(
            f"{units.share(dead)} of a layer's filters were dead before structure learning"
        )
    if best.compressed is not None and best.compressed.removed:
        parts.append(f"layers removed: {', '.join(best.compressed.removed)}")
    if candidate is not None and candidate.blueprint.training is not None:
        parts.append(f"evolved training: {described(candidate.blueprint.training)}")
    return "; ".join(parts) + "."


def families(view: Overview[Generation]) -> list[dict[str, Any]]:
    """Return a family tree for the winner's blueprint and for each of its modules."""
    best = view.best
    candidate = view.candidate(best.candidate) if best is not None else None
    if candidate is None:
        return []
    born = view.generation_of[candidate.id]
    states = [state for state in view.states if state.generation <= born]
    lines: list[tuple[str, Blueprint | Module, str]] = [
        (f"Blueprint {candidate.blueprint.id}", candidate.blueprint, BLUEPRINT_COLOUR)
    ]
    lines += [
        (f"Module {module.id}, species {species}", module, drawing.species_colour(species))
        for species, module in candidate.modules
    ]
    found = []
    for name, genome, colour in lines:
        kin = family(genome, states)
        number = units.plural(len(kin.births) + kin.hidden - 1, "ancestor")
        picture = drawing.family_drawing(kin.births, kin.parents, kin.fitness, colour)
        found.append(
            {"name": f"{name}: {number}", "drawing": Markup(picture), "hidden": kin.hidden}
        )
    return found
