"""The child process's work: claim the device, load the data once, turn Tasks into Outcomes."""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import tensorflow as tf
from tensorflow import keras

from mpineat.child.failures import OF_THE_HOST, RefusedStart, failed, one_line
from mpineat.child.messages import Setup
from mpineat.config import Config
from mpineat.config.recipe import PLAIN
from mpineat.data.class_weights import class_weights
from mpineat.data.dataset import Dataset, open_dataset
from mpineat.data.full_training import full
from mpineat.errors import Failure
from mpineat.genotype.hyperparameters import applied
from mpineat.tasks import Outcome, Task
from mpineat.training import device_data, fit
from mpineat.training.evaluation import Evaluation
from mpineat.training.stages import stages
from mpineat.training.tuning import settle

log = logging.getLogger(__name__)


def start(setup: Setup) -> tuple[str, Callable[[Task], Outcome]]:
    """Make this process ready to evaluate.

    Returns:
        The device's name, and the function that evaluates; it raises nothing for a candidate's
        failure.

    Raises:
        RefusedStart: The GPU that the setup names cannot be used.
        InputError: The data set cannot be read, compression.backend's package is missing, or a
            stage of training.stages cannot be used.
    """
    compression = setup.config.compression
    if compression.enabled and compression.backend == "morph_net":
        from mpineat.training.compression import morphnet_backend  # imports a package that few have

        morphnet_backend.require()
    device = claim_device(setup)
    dataset = open_dataset(setup.config.dataset, setup.config.run.seed)
    if setup.dataset not in ("", dataset.digest):
        raise RefusedStart(
            f"dataset.path: {setup.config.dataset.path} holds other images on {setup.host} than "
            "rank 0 has read"
        )
    room = device_data.room(setup.gpu_memory_mb, setup.threads / (os.cpu_count() or 1))
    evaluator = Evaluator(
        setup.config,
        dataset,
        gpu=setup.gpu is not None,
        room=room,
        weights_folder=Path(setup.weights_folder),
    )
    return device, evaluator


def claim_device(setup: Setup) -> str:
    """Bind TensorFlow to the setup's GPU or CPU threads; return the device's name."""
    options = setup.config.training
    threads = options.threads or (1 if options.deterministic else setup.threads)
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    # It warns of functions that are traced again; every candidate is another function.
    tf.get_logger().setLevel(logging.ERROR)
    # Small networks are chains: a second stream of operations finds nothing to do and costs
    # switches.
    tf.config.threading.set_inter_op_parallelism_threads(1)
    if options.deterministic:
        tf.config.experimental.enable_op_determinism()
    if setup.gpu is None:
        return f"cpu ({threads} {'thread' if threads == 1 else 'threads'})"
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        raise RefusedStart(
            f"this worker was given the GPU {setup.gpu}, but TensorFlow {tf.__version__} finds "
            "none: install a TensorFlow with CUDA, or run without GPUs"
        )
    if setup.gpu_memory_mb is None:
        tf.config.experimental.set_memory_growth(gpus[0], True)
    else:  # the rest belongs to the other workers on this GPU
        limit = tf.config.LogicalDeviceConfiguration(memory_limit=setup.gpu_memory_mb)
        tf.config.set_logical_device_configuration(gpus[0], [limit])
    name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
    return f"{name} ({setup.gpu})"


class Evaluator:
    """Evaluates one Task after another on data that was loaded once."""

    def __init__(
        self,
        config: Config,
        dataset: Dataset,
        *,
        gpu: bool,
        room: int | None = None,
        weights_folder: Path = Path(),
    ) -> None:
        self.input_shape, self.classes = dataset.input_shape, dataset.classes
        self.weights_folder = weights_folder
        weights = class_weights(config.training.class_weights, dataset.train.y, dataset.classes)
        self.data = fit.load(dataset, config.dataset, room, weights)
        self.config = config.model_copy(
            update={"training": settle(config.training, self.data, gpu=gpu)}
        )
        self.stages = stages(config.training.stages)
        self.names = [name for stage in self.stages for name in stage.seconds]
        self.declared = {item for stage in self.stages for item in stage.reasons.items()}

    def __call__(self, task: Task) -> Outcome:
        """Take one candidate through the stages."""
        config = applied(task.candidate.blueprint.training, self.config)
        of_the_final = "epochs" in task.context
        config = full(config) if of_the_final else config.model_copy(update={"recipe": PLAIN})
        dataset = config.dataset
        evaluation = Evaluation(
            task,
            config,
            replace(self.data, augment=dataset.augment, copies=dataset.augment_copies),
            input_shape=self.input_shape,
            classes=self.classes,
            names=self.names,
            weights_folder=self.weights_folder,
        )
        failure: tuple[str, str, str] | None = None
        try:
            for stage in self.stages:
                evaluation.go_through(stage)
        except Failure as error:
            failure = error.reason, error.fault, str(error)
            if failure[:2] not in self.declared:
                failure = "error", "candidate", f"{failure} is in no stage's `reasons`: declare it"
        except tf.errors.ResourceExhaustedError as error:
            failure = "gpu_memory", "candidate", one_line(error)
        except OF_THE_HOST:
            raise
        except Exception as error:  # whatever TensorFlow refuses a network with
            log.exception("candidate %d", task.candidate.id)
            failure = "error", "candidate", one_line(error)
        _forget_models()  # the evaluation's cost too: the next one waits for it
        if failure is not None:
            return failed(task, *failure, **evaluation.found())
        return Outcome(
            candidate=task.candidate.id,
            network_hash=task.network_hash,
            status="discarded" if task.stop_after else "ok",
            attempts=task.attempt,
            **evaluation.found(),
        )


def _forget_models() -> None:
    """Give back what Keras and Python still hold of finished models."""
    keras.backend.clear_session()
    gc.collect()
