"""Genomes and candidates as values for JSON, which writes tuples as lists, and back."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import starmap
from typing import Any

from mpineat.genotype.genes import BlueprintNode, Connection, Hyperparameters, ModuleNode
from mpineat.genotype.genome import Blueprint, Candidate, Module


def module_to_json(module: Module) -> dict[str, Any]:
    """Return `module` for json.dumps."""
    return {
        "id": module.id,
        "nodes": module.nodes,
        "connections": module.connections,
        "join": module.join,
        "parents": module.parents,
        "birth": module.birth,
    }


def module_from_json(value: Mapping[str, Any]) -> Module:
    """Read what module_to_json returned."""
    return Module(
        id=value["id"],
        nodes=tuple(starmap(ModuleNode, value["nodes"])),
        connections=tuple(starmap(Connection, value["connections"])),
        join=value["join"],
        parents=tuple(value["parents"]),
        birth=value["birth"],
    )


def blueprint_to_json(blueprint: Blueprint) -> dict[str, Any]:
    """Return `blueprint` for json.dumps."""
    return {
        "id": blueprint.id,
        "nodes": blueprint.nodes,
        "connections": blueprint.connections,
        "dense": blueprint.dense,
        "training": blueprint.training and blueprint.training._asdict(),
        "retained": blueprint.retained,
        "parents": blueprint.parents,
        "birth": blueprint.birth,
    }


def blueprint_from_json(value: Mapping[str, Any]) -> Blueprint:
    """Read what blueprint_to_json returned."""
    return Blueprint(
        id=value["id"],
        nodes=tuple(starmap(BlueprintNode, value["nodes"])),
        connections=tuple(starmap(Connection, value["connections"])),
        dense=tuple(value["dense"]),
        training=_training_from_json(value),
        retained=tuple((species, module) for species, module in value["retained"]),
        parents=tuple(value["parents"]),
        birth=value["birth"],
    )


def _training_from_json(value: Mapping[str, Any]) -> Hyperparameters | None:
    if "training" not in value:  # of an earlier version
        rate = value["learning_rate"]
        return None if rate is None else Hyperparameters(rate)
    return None if value["training"] is None else Hyperparameters(**value["training"])


def candidate_to_json(candidate: Candidate) -> dict[str, Any]:
    """Return `candidate` for json.dumps."""
    return {
        "id": candidate.id,
        "generation": candidate.generation,
        "blueprint": blueprint_to_json(candidate.blueprint),
        "modules": [(species, module_to_json(module)) for species, module in candidate.modules],
    }


def candidate_from_json(value: Mapping[str, Any]) -> Candidate:
    """Read what candidate_to_json returned."""
    return Candidate(
        id=value["id"],
        generation=value["generation"],
        blueprint=blueprint_from_json(value["blueprint"]),
        modules=tuple((species, module_from_json(module)) for species, module in value["modules"]),
    )
