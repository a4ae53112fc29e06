"""How well cheap evaluations rank networks, against long trainings of the same at full width.

Every finished training is a line of the output file, and a second call goes on where the first one
stopped. A proxy is written RULE:TARGET:EPOCHS, as in budget:0.15:0.1 (epochs of structure
learning); each is trained for --epochs and also judged by its losses after the first ones.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from bench.compression import SPACES, load

from mpineat.config import Compression
from mpineat.phenotype.cost import flops

FULL = "full"
RESAMPLES = 2000


def main(argv: list[str]) -> int:
    """Measure what is missing in the output file, then print the correlations."""
    options = _parser().parse_args(argv)
    rows = _read(options.output)
    done = {(row["network"], row["seed"], row["proxy"]) for row in rows}
    end = time.monotonic() + 60 * options.minutes
    with options.output.open("a") as file:
        for row in _measure(options, done, end):
            file.write(json.dumps(row) + "\n")
            file.flush()
            rows.append(row)
    for line in table(rows):
        print(line)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmark.py ranking", description=__doc__)
    parser.add_argument("--data", default="digits", help="digits, mnist, cifar10, ...")
    parser.add_argument("--path", help="folder of the data set's files")
    parser.add_argument("--space", choices=SPACES, default="small", help="search space")
    parser.add_argument("--networks", type=int, default=40)
    parser.add_argument("--first", type=int, default=0, help="skip so many networks")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument(
        "--proxies",
        nargs="+",
        default=["elastic:0.15:0", "budget:0.15:0", "budget:0.15:0.1", "budget:0.35:0.1"],
    )
    parser.add_argument("--examples", type=int, help="training images")
    parser.add_argument("--epochs", type=int, default=8, help="of a proxy")
    parser.add_argument("--full-epochs", type=int, default=12, help="of what they are held against")
    parser.add_argument("--max-flops", type=float, default=1e9, help="take only networks below")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60.0, help="start none after so long")
    parser.add_argument("--output", type=Path, default=Path("ranking.jsonl"))
    return parser


def _read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _measure(
    options: argparse.Namespace, done: set[tuple[Any, ...]], end: float
) -> Iterator[dict[str, Any]]:
    networks, data, config = load(options)
    for index in range(options.first, options.first + options.networks):
        for seed in range(options.seeds):
            for proxy in (FULL, *options.proxies):
                if (index, seed, proxy) in done:
                    continue
                if time.monotonic() > end:
                    return
                name = {"network": index, "seed": seed, "proxy": proxy}
                yield name | _train(networks[index], data, config, name, options)


def _train(
    network: Any, data: Any, config: Any, name: dict[str, Any], options: argparse.Namespace
) -> dict[str, Any]:
    from tensorflow import keras

    from mpineat.training import fit, model
    from mpineat.training.compression.structure import compress

    settings = {
        "seed": 1000 * name["network"] + name["seed"],
        "batch_size": config.training.batch_size,
    }
    began, after = time.process_time(), network
    if name["proxy"] != FULL:
        rule, target, epochs = name["proxy"].split(":")
        wanted = Compression(rule=rule, target_flops=float(target), epochs=float(epochs))
        asked = config.model_copy(update={"compression": wanted})
        after = compress(network, data, asked, **settings).network
    structure = time.process_time() - began
    history = fit.train(
        model.build(after, settings["seed"], portable=False),
        data,
        epochs=options.full_epochs if name["proxy"] == FULL else options.epochs,
        training=config.training,
        **settings,
    )
    keras.backend.clear_session()
    return {
        "flops": flops(after),
        "cpu_seconds": time.process_time() - began,
        "structure_seconds": structure,
        "step_ms": 1000 * history.step_seconds,
        "val_loss": [point.val_loss for point in history.curve],
        "val_accuracy": [point.val_accuracy for point in history.curve],
    }


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Yield a line for each proxy and moment: rank correlations with intervals, and the cost."""
    truth: dict[int, list[float]] = {}
    for row in rows:
        if row["proxy"] == FULL:
            truth.setdefault(row["network"], []).append(row["val_accuracy"][-1])
    means = {network: float(np.mean(found)) for network, found in truth.items()}
    seconds = {proxy: _mean_seconds(rows, proxy) for proxy in dict.fromkeys(_proxies(rows))}
    yield f"{len(means)} networks; rank correlation with full training, 95 % bootstrap intervals"
    yield f"{'proxy':18} {'judged by':22} {'all':>22} {'better half':>22}   processor time"
    for proxy in seconds:
        own = [row for row in rows if row["proxy"] == proxy and row["network"] in means]
        last = len(own[0]["val_loss"])
        moments = [1, 2, last] if proxy != FULL else [1, 2, 4]
        for epoch in moments:
            for what, sign in (("val_loss", -1), ("val_accuracy", 1)):
                judged: dict[int, list[float]] = {}
                for row in own:
                    judged.setdefault(row["network"], []).append(sign * row[what][epoch - 1])
                pairs = np.array([(np.mean(v), means[k]) for k, v in judged.items()])
                better = pairs[pairs[:, 1] >= np.median(pairs[:, 1])]
                yield (
                    f"{proxy:18} {what:13} epoch {epoch:2} {_interval(pairs):>22} "
                    f"{_interval(better):>22}   x{seconds[proxy] / seconds[FULL]:.2f}"
                )


def _proxies(rows: list[dict[str, Any]]) -> list[str]:
    return sorted((row["proxy"] for row in rows), key=lambda name: (name != FULL, name))


def _mean_seconds(rows: list[dict[str, Any]], proxy: str) -> float:
    return float(np.mean([row["cpu_seconds"] for row in rows if row["proxy"] == proxy]))


def _interval(pairs: Any) -> str:
    rng = np.random.default_rng(0)
    drawn = [pairs[rng.integers(len(pairs), size=len(pairs))] for _ in range(RESAMPLES)]
    low, high = np.nanpercentile([_spearman(each) for each in drawn], [2.5, 97.5])
    return f"{_spearman(pairs):.2f} ({low:.2f} to {high:.2f})"


def _spearman(pairs: Any) -> float:
    ranks = [_ranks(column) for column in pairs.T]
    if min(rank.std() for rank in ranks) == 0:
        return float("nan")
    return float(np.corrcoef(*ranks)[0, 1])


def _ranks(values: Any) -> Any:
    """Return ranks from 0, equal values sharing the mean of theirs."""
    ascending = np.sort(values)
    first, behind = (np.searchsorted(ascending, values, side) for side in ("left", "right"))
    return (first + behind - 1) / 2
