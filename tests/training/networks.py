"""Networks for the tests of this room."""

from __future__ import annotations

from mpineat.phenotype.network import Network


def layer(name, source, filters, op="conv2d"):
    return {
        "name": name, "op": op, "inputs": [source], "filters": filters, "kernel": [3, 3],
        "strides": [1, 1], "padding": "same", "activation": "relu",
    }  # fmt: skip


def dense(name, source, units, activation):
    return {
        "name": name, "op": "dense", "inputs": [source], "units": units, "activation": activation,
    }  # fmt: skip


def residual(op="conv2d"):
    """Return a residual block, a branch that meets it in a concat, and a dense layer."""
    return Network.from_json(
        {
            "input_shape": [8, 8, 1],
            "layers": [
                layer("a", "input", 16, op),
                layer("b", "a", 16, op),
                {"name": "sum", "op": "add", "inputs": ["a", "b"]},
                layer("c", "input", 12, op),
                {"name": "both", "op": "concat", "inputs": ["sum", "c"]},
                {"name": "flatten", "op": "flatten", "inputs": ["both"]},
                dense("d", "flatten", 24, "relu"),
                dense("output", "d", 10, None),
            ],
            "output": "output",
        }
    )
