"""Google's library in our training step computes what our own regulariser computes."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from mpineat.config import Compression
from mpineat.errors import InputError
from mpineat.training import model
from mpineat.training.compression.morphnet_backend import penalty, regularizer
from mpineat.training.compression.regularizer import measure
from tests import golden

pytest.importorskip("morph_net", reason="Google's morph_net is not installed")


@pytest.mark.parametrize("threshold", [0.05, 0.1])
@pytest.mark.parametrize(
    "spec",
    [spec for spec in golden.NETWORKS if spec["regularizer"] == "group_lasso"],
    ids=lambda spec: spec["id"],
)
def test_the_library_agrees(spec, threshold):
    network, kernels = golden.network(spec), golden.kernels(spec)
    built = model.build(network, 0, weights=kernels)
    variables = list(model.kernels(built, network).values())

    @tf.function(autograph=False)
    def library():
        with tf.GradientTape() as tape:
            found = regularizer(built, network, threshold)
            term = found.get_regularization_term()
        return term, found.get_cost(), tape.gradient(term, variables)

    term, cost, gradients = library()
    own = measure(network, kernels, threshold, "reference")
    assert float(cost) == own.cost
    assert float(term) == pytest.approx(own.term, rel=1e-5)
    assert any(np.abs(g.numpy()).sum() > 0 for g in gradients if g is not None)


def test_batch_norm_is_refused():
    spec = next(spec for spec in golden.NETWORKS if spec["regularizer"] == "gamma")
    network = golden.network(spec)
    with pytest.raises(InputError, match="batch normalisation"):
        penalty(model.build(network, 0), network, 0.1, 1.0)


def test_it_trains_a_network():
    from mpineat.config import Config
    from mpineat.data.dataset import open_dataset
    from mpineat.training import fit
    from mpineat.training.compression import structure

    options = Compression(preset="thesis", backend="morph_net", epochs=0.5)
    config = Config(compression=options)
    data = fit.load(open_dataset(config.dataset, 0), config.dataset)
    spec = next(spec for spec in golden.NETWORKS if spec["id"].startswith("P04"))
    network = golden.network({**spec, "input_shape": [8, 8, 1]})
    found = structure.compress(network, data, config, seed=1, batch_size=256)
    own = structure.compress(
        network, data, Config(compression=options.model_copy(update={"backend": "native"})),
        seed=1, batch_size=256,
    )  # fmt: skip
    assert found.network == own.network
