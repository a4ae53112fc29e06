"""Benchmark of the training: `tools/benchmark.py training speed|accuracy|memory|readers ...`."""

from __future__ import annotations

import argparse
import os

# TensorFlow's own notes would stand between the lines of the tables.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main(argv: list[str]) -> int:
    """Run one measurement and print its table."""
    options = _parser().parse_args(argv or ["speed"])
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.get_logger().setLevel("ERROR")
    for line in options.measure(options):
        print(line, flush=True)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmark.py training", description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    commands = parser.add_subparsers(required=True)

    speed = commands.add_parser("speed", help="against keras.Model.fit, in pairs")
    speed.add_argument(
        "--networks", nargs="*", help="some of the fixed networks by name; none: all"
    )
    speed.add_argument("--pairs", type=int, default=3)
    speed.set_defaults(measure=_speed)

    reached = commands.add_parser("accuracy", help="test accuracy of a typical network")
    reached.add_argument("dataset", choices=("mnist", "cifar10"))
    reached.add_argument("path")
    reached.add_argument("--epochs", type=int, default=5)
    reached.add_argument("--batch-size", type=int, default=128)
    reached.set_defaults(measure=_accuracy)

    memory = commands.add_parser(
        "memory", help="resident memory over many candidates in one process"
    )
    memory.add_argument("--candidates", type=int, default=300)
    memory.set_defaults(measure=_memory)

    files = commands.add_parser("readers", help="the readers on real files, whole and damaged")
    files.add_argument("data", nargs="+", metavar="NAME=PATH")
    files.add_argument("--variants", type=int, default=70)
    files.set_defaults(measure=_readers, record={"cifar10": 3073, "cifar100": 3074})
    return parser


def _speed(options: argparse.Namespace):  # type: ignore[no-untyped-def]
    from bench.training_speed import speed

    return speed(options)


def _accuracy(options: argparse.Namespace):  # type: ignore[no-untyped-def]
    from bench.accuracy import accuracy
    from bench.training_networks import TYPICAL

    return accuracy(TYPICAL[options.dataset], options)


def _memory(options: argparse.Namespace):  # type: ignore[no-untyped-def]
    from bench.training_memory import memory

    return memory(options)


def _readers(options: argparse.Namespace):  # type: ignore[no-untyped-def]
    from bench.readers import readers

    return readers(options)
