import pytest

from mpineat.phenotype import cost
from mpineat.phenotype.network import Network


def network(*layers, shape=(8, 8, 3)):
    return Network.from_json(
        {"input_shape": shape, "layers": list(layers), "output": layers[-1]["name"]}
    )


def conv(name, source, filters, kernel, op="conv2d", padding="same", strides=(1, 1)):
    return {
        "name": name, "op": op, "inputs": [source], "filters": filters, "kernel": kernel,
        "strides": strides, "padding": padding, "activation": "relu",
    }  # fmt: skip


FLATTEN = {"name": "flat", "op": "flatten", "inputs": ["c"]}
DENSE = {"name": "out", "op": "dense", "inputs": ["flat"], "units": 10, "activation": None}


def test_a_convolution_and_a_dense_layer_cost_what_the_textbook_says():
    found = network(conv("c", "input", 16, [3, 5]), FLATTEN, DENSE)
    assert cost.layer_flops(found) == {
        "c": 2 * 8 * 8 * 3 * 5 * 3 * 16,
        "flat": 0,
        "out": 2 * 8 * 8 * 16 * 10,
    }
    assert cost.flops(found) == sum(cost.layer_flops(found).values())
    assert cost.parameters(found) == (3 * 5 * 3 * 16 + 16) + (8 * 8 * 16 * 10 + 10)


def test_strides_and_valid_padding_shrink_the_cost():
    found = network(conv("c", "input", 4, [3, 3], padding="valid", strides=[2, 2]))
    assert cost.flops(found) == 2 * 3 * 3 * 27 * 4


def test_batch_norm_has_gamma_and_beta_for_a_bias():
    found = network(conv("c", "input", 16, [3, 3], op="conv2d_bn"))
    assert cost.parameters(found) == 27 * 16 + 2 * 16


def test_memory_grows_with_the_batch_by_two_copies_of_every_map():
    found = network(conv("c", "input", 16, [3, 3]))
    values = 8 * 8 * 3 + 8 * 8 * 16
    grown = cost.memory_mb(found, 64) - cost.memory_mb(found, 32)
    assert grown == pytest.approx(32 * 2 * values * 4 / 2**20)
    assert cost.memory_mb(found, 0) == pytest.approx(4 * cost.parameters(found) * 4 / 2**20)
