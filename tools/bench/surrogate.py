"""What a training would give, predicted from a network's features: a Gaussian process in numpy.

Fitted to the tables in trainings/, real trainings of this program's own space (Zela et al. 2022,
"Surrogate NAS benchmarks", for the idea). The process returns to the mean where nothing was tried,
so that no search finds its optimum in what the model has made up.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mpineat.phenotype import cost
from mpineat.phenotype.network import CONVOLUTIONS, INPUT, JOINS, Network

Floats = NDArray[np.float64]

TABLES = Path(__file__).parent / "trainings"
WORST = 0.1  # share of the networks that count as equally bad
# What is tried: the kernel's length and its linear part, and the variance that features leave open.
LENGTHS = (0.5, 0.7, 1.0, 1.5, 2.0, 3.0)
LINEAR = (0.0, 0.03, 0.1, 0.3)
NOISES = (0.05, 0.1, 0.2, 0.3, 0.5)


def features(network: Network) -> dict[str, float]:
    """Return the numbers that predict how well a network trains."""
    layers = network.layers
    convolutions = [layer for layer in layers if layer.op in CONVOLUTIONS]
    dropouts = [layer.rate or 0.0 for layer in layers if layer.op == "dropout"]
    widths = [float(layer.filters or 1) for layer in convolutions]
    kernels = [layer.kernel[0] for layer in convolutions if layer.kernel]
    units = [layer.units or 1 for layer in layers if layer.op == "dense"][:-1]
    joins = [layer for layer in layers if layer.op in JOINS]
    flat = [network.shapes[layer.inputs[0]] for layer in layers if layer.op == "flatten"]
    longest, field, kept, narrowest = _along(network)
    flops = cost.layer_flops(network)
    own = np.array([flops[layer.name] for layer in convolutions], float)
    spent = float(own @ kernels / own.sum()) if convolutions else 0.0
    return {
        "flops": np.log10(1 + cost.flops(network)),
        "parameters": np.log10(1 + cost.parameters(network)),
        "convolutions": len(convolutions) ** 0.5,
        "depth": longest**0.5,
        "receptive_field": np.log2(field),
        "width": float(np.mean(np.log2(widths))) if widths else 0.0,
        "narrowest": np.log2(narrowest),
        "first_width": np.log2(widths[0]) if widths else 0.0,
        "kernel": float(np.mean(kernels)) if kernels else 0.0,
        "kernel_by_flops": spent,
        "first_kernel": float(kernels[0]) if kernels else 0.0,
        "last_size": np.log2(flat[0][0]) if flat else 0.0,
        "last_width": np.log2(flat[0][2]) if flat else 0.0,
        "adds": sum(layer.op == "add" for layer in joins) ** 0.5,
        "concats": sum(layer.op == "concat" for layer in joins) ** 0.5,
        "dropouts": len(dropouts) ** 0.5,
        "kept": kept,
        "dense_units": float(np.mean(np.log2(units))) if units else 0.0,
    }


def _along(network: Network) -> tuple[int, float, float, float]:
    """Return what the longest path holds.

    Returns:
        Its convolutions, its receptive field in pixels, the log of the share that its dropouts let
        through, and the fewest channels that the widest path to the output narrows to.
    """
    depth = {INPUT: 0}
    field, step, kept, narrow = {INPUT: 1.0}, {INPUT: 1.0}, {INPUT: 0.0}, {INPUT: float("inf")}
    for layer in network.layers:
        from_ = max(layer.inputs, key=lambda name: depth[name])
        name = layer.name
        depth[name], field[name], step[name] = depth[from_], field[from_], step[from_]
        kept[name] = kept[from_]
        narrow[name] = max(narrow[i] for i in layer.inputs)
        if layer.op in CONVOLUTIONS and layer.kernel:
            depth[name] += 1
            field[name] += (layer.kernel[0] - 1) * step[name]
            narrow[name] = min(narrow[name], float(layer.filters or 1))
        elif layer.op in ("maxpool", "avgpool") and layer.pool and layer.strides:
            field[name] += (layer.pool[0] - 1) * step[name]
            step[name] *= layer.strides[0]
        elif layer.op == "dropout":
            kept[name] += float(np.log(1 - (layer.rate or 0.0)))
    last = network.output
    narrowest = narrow[last] if np.isfinite(narrow[last]) else 1.0
    return depth[last], field[last], kept[last], narrowest


@dataclass(frozen=True)
class Table:
    """Trainings of one data set: a row each, equal networks of several seeds in several rows."""

    networks: tuple[str, ...]
    names: tuple[str, ...]
    values: Floats  # [trainings, features]
    accuracies: Floats

    @staticmethod
    def read(path: Path) -> Table:
        """Read a table of trainings/."""
        with path.open(newline="") as file:
            rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
        names = tuple(name for name in rows[0] if name not in ("network", "accuracy"))
        return Table(
            networks=tuple(row["network"] for row in rows),
            names=names,
            values=np.array([[float(row[name]) for name in names] for row in rows]),
            accuracies=np.array([float(row["accuracy"]) for row in rows]),
        )

    def some(self, rows: Sequence[int] | NDArray[np.intp]) -> Table:
        """Return those rows alone."""
        places = [int(row) for row in rows]
        networks = tuple(self.networks[place] for place in places)
        return Table(networks, self.names, self.values[places], self.accuracies[places])

    @cached_property
    def medians(self) -> tuple[Floats, Floats]:
        """Features and median log odds of each network."""
        places = {name: place for place, name in enumerate(self.networks)}
        own = [np.array(self.networks) == name for name in places]
        return self.values[list(places.values())], np.array(
            [np.median(logit(self.accuracies[rows])) for rows in own]
        )

    @cached_property
    def deviations(self) -> Floats:
        """How far repeated trainings were from their network's median, in log odds."""
        found = [np.zeros(0)]
        for name in dict.fromkeys(self.networks):
            own = logit(self.accuracies[np.array(self.networks) == name])
            if len(own) > 1:  # n values are nearer to their own median than to the true one
                found.append((own - np.median(own)) * (len(own) / (len(own) - 1)) ** 0.5)
        return np.concatenate(found)


class Surrogate:
    """A fitted Gaussian process over the log odds of accuracy.

    Chance is what it was among repeated trainings: one of their deviations, drawn. So a training
    may collapse as often as theirs did.
    """

    def __init__(self, table: Table) -> None:
        self.names, self.deviations = table.names, table.deviations
        values, y = table.medians
        self._low, self._high = values.min(axis=0), values.max(axis=0)
        self._centre, self._scale = values.mean(axis=0), values.std(axis=0) + 1e-9
        x = self._standardised(values)
        # How badly the worst went says little of the others, and would stretch the scale.
        y = np.maximum(y, np.quantile(y, WORST))
        self._mean, self._spread = float(y.mean()), float(y.std())
        y = (y - self._mean) / self._spread
        best = None
        for length in LENGTHS:
            for linear in LINEAR:
                kernel = _kernel(x, x, length, linear)
                for noise in NOISES:
                    factor = np.linalg.cholesky(kernel + noise * np.eye(len(y)))
                    half = np.linalg.solve(factor, y)
                    likelihood = -0.5 * half @ half - np.log(np.diag(factor)).sum()
                    if best is None or likelihood > best[0]:
                        best = likelihood, length, linear, noise, np.linalg.solve(factor.T, half)
        assert best is not None
        _, self.length, self.linear, self.variance, self._weights = best
        self._known = x

    def accuracy(self, network: Network) -> float:
        """Return what trainings of `network` would give in the mean."""
        found = features(network)
        return float(self.predict(np.array([[found[name] for name in self.names]]))[0])

    def predict(self, values: Floats) -> Floats:
        """Return mean accuracies; [networks, features] as the table has them."""
        # Beyond what was tried there is no telling: features end where the table's do.
        x = self._standardised(np.clip(values, self._low, self._high))
        y = _kernel(x, self._known, self.length, self.linear) @ self._weights
        return expit(self._mean + self._spread * y)

    def observed(self, mean: float, rng: np.random.Generator) -> float:
        """Return what one training gives where trainings give `mean`."""
        return float(expit(logit(np.float64(mean)) + rng.choice(self.deviations)))

    def _standardised(self, values: Floats) -> Floats:
        return (values - self._centre) / self._scale


def _kernel(a: Floats, b: Floats, length: float, linear: float) -> Floats:
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1)[None, :] - 2 * a @ b.T
    # Matern 5/2, its length in units of the features' usual distance
    r = np.sqrt(np.maximum(squares, 0.0) * 5 / a.shape[1]) / length
    return np.asarray((1 + r + r**2 / 3) * np.exp(-r) + linear * (a @ b.T) / a.shape[1])


def logit(accuracy: Floats) -> Floats:
    """Return the log odds; 0 and 1 are taken a little inside."""
    inside = np.clip(accuracy, 0.001, 0.999)
    return np.asarray(np.log(inside / (1 - inside)))


def expit(value: Floats) -> Floats:
    """Return the accuracy of log odds."""
    return np.asarray(1 / (1 + np.exp(-value)))


def held_out(table: Table, folds: int = 10) -> tuple[Floats, Floats]:
    """Return (accuracies, predictions by models that never saw the network)."""
    order = {name: place for place, name in enumerate(dict.fromkeys(table.networks))}
    shuffled = np.random.default_rng(0).permutation(len(order))
    fold = np.array([shuffled[order[name]] % folds for name in table.networks])
    predicted = np.empty(len(fold))
    for held in range(folds):
        out = np.flatnonzero(fold == held)
        predicted[out] = Surrogate(table.some(np.flatnonzero(fold != held))).predict(
            table.values[out]
        )
    return table.accuracies, predicted


def rank_correlation(a: Floats, b: Floats) -> float:
    """Return Spearman's rho, equal values at their mean rank."""
    return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])


def _ranks(values: Floats) -> Floats:
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return np.asarray((last - (counts - 1) / 2)[inverse])
