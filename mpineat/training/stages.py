"""The stages that every evaluation goes through, and where further ones take their places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mpineat import registry
from mpineat.config.learning import STAGES
from mpineat.errors import InputError
from mpineat.phenotype.assemble import assemble
from mpineat.tasks import LOST
from mpineat.training import fit, model
from mpineat.training.compression import structure
from mpineat.training.evaluation import Evaluation, Stage
from mpineat.training.tuning import POLICIES

OF_A_TRAINING: Mapping[str, str] = {"nan": "candidate", "too_slow": "candidate"}


class Assemble:
    """Make the network that the genotype describes."""

    name = "assemble"
    seconds = ("assemble",)
    reasons = {"infeasible": "candidate"}

    def run(self, evaluation: Evaluation) -> None:
        """Assemble."""
        evaluation.networks.append(
            assemble(
                evaluation.task.candidate,
                evaluation.input_shape,
                evaluation.classes,
                evaluation.config.search_space,
            )
        )


class StructureLearning:
    """Compress the network by MorphNet, where the task asks for it."""

    name = "structure_learning"
    seconds = ("structure_learning",)
    reasons = OF_A_TRAINING

    def run(self, evaluation: Evaluation) -> None:
        """Compress."""
        if not evaluation.task.compress:
            return
        evaluation.learned = structure.compress(
            evaluation.networks[-1],
            evaluation.data,
            evaluation.config,
            seed=evaluation.task.seed,
            batch_size=evaluation.batch_size,
            deadline=evaluation.deadline,
        )
        evaluation.networks.append(evaluation.learned.network)


class Build:
    """Make the Keras model of the network, with the weights that were inherited or learned."""

    name = "build"
    seconds = ("build",)
    reasons: Mapping[str, str] = {}

    def run(self, evaluation: Evaluation) -> None:
        """Build."""
        evaluation.model = model.build(
            evaluation.networks[-1],
            evaluation.task.seed,
            weights=evaluation.learned.weights if evaluation.learned else evaluation.weights,
            policy=POLICIES[evaluation.config.training.mixed_precision],
            portable=False,
        )


class Train:
    """Train the model and measure it on the validation split after every epoch."""

    name = "train"
    seconds = ("train", "evaluate")
    reasons = OF_A_TRAINING

    def run(self, evaluation: Evaluation) -> None:
        """Train."""
        training = evaluation.config.training
        # Where nothing shrank, structure learning was the beginning of the training.
        begun = evaluation.learned.epochs if evaluation.learned else 0
        anew = evaluation.start in LOST
        epochs = training.epochs if anew else evaluation.task.epochs(training.epochs)
        history = fit.train(
            evaluation.model,
            evaluation.data,
            epochs=max(1, epochs - begun),
            seed=evaluation.task.seed,
            batch_size=evaluation.batch_size,
            training=training,
            recipe=evaluation.config.recipe,
            deadline=evaluation.deadline,
            on_epoch=(evaluation.curve.append, *evaluation.on_epoch),
            # Of finalists alone: of every candidate it would be most of the run directory.
            confusion="epochs" in evaluation.task.context,
            stop_after=evaluation.task.stop_after,
        )
        evaluation.history = history
        evaluation.spend(
            build=history.build_seconds,  # tracing is building, though the first step triggers it
            train=history.train_seconds,
            evaluate=history.evaluate_seconds,
        )


def stages(further: Iterable[str]) -> tuple[Stage, ...]:
    """Return the built-in stages with the further ones of these names in their places.

    Raises:
        InputError: A further stage cannot be loaded, or runs before one that is not there.
    """
    found: list[Stage] = [registry.load("stage", name)() for name in STAGES]
    for name in further:
        stage = registry.load("stage", name)()
        before = getattr(stage, "before", Train.name)
        places = [place for place, other in enumerate(found) if other.name == before]
        if not places:
            raise InputError(
                f"training.stages: {name!r} runs before {before!r}, which is none of the stages "
                f"{', '.join(other.name for other in found)}"
            )
        found.insert(places[0], stage)
    return tuple(found)
