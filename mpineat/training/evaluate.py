"""The child process's work: claim the device, load the data once, turn Tasks into Outcomes."""

from __future__ import annotations

import gc
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import tensorflow as tf
from tensorflow import keras

from mpineat.child.failures import OF_THE_HOST, RefusedStart, failed, one_line
from mpineat.child.messages import Setup
from mpineat.config import Config
from mpineat.data.dataset import Dataset, open_dataset
from mpineat.errors import Failure
from mpineat.genotype.hyperparameters import applied
from mpineat.phenotype import cost
from mpineat.phenotype.assemble import assemble
from mpineat.phenotype.network import Network
from mpineat.tasks import Outcome, Seconds, Task
from mpineat.training import fit, model
from mpineat.training.compression import structure
from mpineat.training.tuning import POLICIES, settle

log = logging.getLogger(__name__)


def start(setup: Setup) -> tuple[str, Callable[[Task], Outcome]]:
    """Make this process ready to evaluate.

    Returns:
        The device's name, and the function that evaluates; it raises nothing for a candidate's
        failure.

    Raises:
        RefusedStart: The GPU that the setup names cannot be used.
        InputError: The data set cannot be read, or compression.backend's package is missing.
    """
    compression = setup.config.compression
    if compression.enabled and compression.backend == "morph_net":
        from mpineat.training.compression import morphnet_backend  # imports a package that few have

        morphnet_backend.require()
    device = claim_device(setup)
    dataset = open_dataset(setup.config.dataset, setup.config.run.seed)
    return device, Evaluator(setup.config, dataset, gpu=setup.gpu is not None)


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

    def __init__(self, config: Config, dataset: Dataset, *, gpu: bool) -> None:
        self.input_shape, self.classes = dataset.input_shape, dataset.classes
        self.data = fit.load(dataset, config.dataset)
        self.config = config.model_copy(
            update={"training": settle(config.training, self.data, gpu=gpu)}
        )

    def __call__(self, task: Task) -> Outcome:
        """Assemble, compress if asked, train and validate one candidate."""
        evaluation = _Evaluation(self, task)
        failure: tuple[str, str, str] | None = None
        try:
            evaluation.run()
        except Failure as error:
            failure = error.reason, error.fault, str(error)
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
            status="ok",
            attempts=task.attempt,
            **evaluation.found(),
        )


class _Evaluation:
    """One evaluation, which keeps what it found out also when it fails half-way."""

    def __init__(self, evaluator: Evaluator, task: Task) -> None:
        self.evaluator, self.task = evaluator, task
        self.started, self.clock = time.time(), time.monotonic()
        self.seconds: dict[str, float] = {}
        self.before: Network | None = None
        self.after: Network | None = None
        self.learned: structure.Learned | None = None
        self.history: fit.History | None = None

    def run(self) -> None:
        """Evaluate; the findings are in `found`."""
        task = self.task
        config = applied(task.candidate.blueprint.training, self.evaluator.config)
        data = replace(self.evaluator.data, augment=config.dataset.augment)
        settings = {
            "seed": task.seed,
            "batch_size": task.batch_size or config.training.batch_size,
            "deadline": self._deadline(),
        }
        self.before = self.after = assemble(
            task.candidate, self.evaluator.input_shape, self.evaluator.classes, config.search_space
        )
        self._lap("assemble")
        if task.compress:
            self.learned = structure.compress(self.before, data, config, **settings)
            self.after = self.learned.network
            self._lap("structure_learning")
        network = model.build(
            self.after,
            task.seed,
            weights=self.learned.weights if self.learned else None,
            policy=POLICIES[config.training.mixed_precision],
            portable=False,
        )
        self._lap("build")
        # Where nothing shrank, structure learning was the beginning of the training.
        epochs = max(1, config.training.epochs - (self.learned.epochs if self.learned else 0))
        self.history = fit.train(network, data, epochs=epochs, training=config.training, **settings)
        self.seconds["build"] += self.history.build_seconds
        self.seconds["train"] = self.history.train_seconds
        self.seconds["evaluate"] = self.history.evaluate_seconds

    def found(self) -> dict[str, Any]:
        """Return the fields of the Outcome that are known."""
        seconds = Seconds(**self.seconds, total=time.monotonic() - self.clock)
        values: dict[str, Any] = {"started": self.started}
        if self.before is not None and self.after is not None:
            for when, network in (("before", self.before), ("after", self.after)):
                values[f"network_{when}"] = network.to_json()
                values[f"flops_{when}"] = cost.flops(network)
                values[f"parameters_{when}"] = cost.parameters(network)
        if self.learned is not None:
            warm = self.history.step_seconds if self.history is not None else 0.0
            record = self.learned.record
            values["compressed"] = replace(record, step_seconds=(record.step_seconds[0], warm))
        if self.history is not None:
            last = self.history.curve[-1]
            values |= {
                "accuracy": last.val_accuracy,
                "loss": last.val_loss,
                "curve": self.history.curve,
            }
        return {**values, "seconds": seconds}

    def _deadline(self) -> float | None:
        minutes = self.evaluator.config.training.max_minutes
        return None if minutes is None else self.clock + 60 * minutes

    def _lap(self, name: str) -> None:
        self.seconds[name] = time.monotonic() - self.clock - sum(self.seconds.values())


def _forget_models() -> None:
    """Give back what Keras and Python still hold of finished models."""
    keras.backend.clear_session()
    gc.collect()
