"""A larger network computes what the smaller one did, and training goes on from there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mpineat import weights
from mpineat.config import Config
from mpineat.data.dataset import open_dataset
from mpineat.data.readers.digits import DIGITS
from mpineat.errors import Infeasible
from mpineat.genotype import morphisms
from mpineat.genotype.architecture import Architecture, small_architecture
from mpineat.genotype.draws import Draws
from mpineat.genotype.structure import Rejected
from mpineat.phenotype.assemble import assemble
from mpineat.phenotype.growth import grown_from
from mpineat.tasks import Start, Task
from mpineat.training import evaluate, model
from mpineat.training.inheritance import inherited

SLOTS = 3
MORPHISMS = {
    "widen": morphisms.widen,
    "widen_dense": morphisms.widen_dense,
    "deepen": morphisms.deepen,
    "skip_in_module": morphisms.skip_in_module,
    "skip_in_blueprint": morphisms.skip_in_blueprint,
}
SPACES = {
    "add": {"joins": ("add",)},
    "concat_pooled": {"joins": ("concat",), "head": "global_average_pool", "dense_layers": 2},
    "batch_norm_even_kernels": {"batch_norm": True, "kernel_sizes": (2, 3)},
    "modern": {"preset": "modern", "max_blueprint_nodes": 4},
    "separable": {"convolutions": ("separable",), "joins": ("residual",), "kernel_sizes": (3,)},
}


def configured(space):
    small = {"filters": (4, 12), "dense_units": (8, 20), "max_module_nodes": 4}
    begin = {"initial_blueprint_nodes": (2, 3), "initial_module_nodes": (2, 3)}
    return Config.model_validate({"search_space": {**small, **begin, **space}})


def digits():
    """Real images as they are, and of the shape of CIFAR-10's, in three colours."""
    images = DIGITS.open(None).train().x[:24].astype(np.float32) / 255
    small = (images - images.mean()) / images.std()
    large = small.repeat(4, axis=1).repeat(4, axis=2)
    return small, np.concatenate([large, large[:, ::-1], -large], axis=3)


def after(name, architecture, config, draws):
    """Return the architecture after one morphism, of its blueprint or of some module."""
    morphism, modules = MORPHISMS[name], list(architecture.modules)
    if name in ("widen_dense", "skip_in_blueprint"):
        return Architecture(morphism(architecture.blueprint, config, draws), architecture.modules)
    at = draws.between((0, len(modules) - 1))
    modules[at] = modules[at][0], morphism(modules[at][1], config, draws)
    return Architecture(architecture.blueprint, tuple(modules))


def shaken(network, seed):
    """Return a model none of whose weights is at its neutral value, as after a training."""
    built = model.build(network, seed)
    rng = np.random.default_rng(seed)
    for name, variable in model.variables(built, network).items():
        if name.endswith(("gamma", "moving_variance")):
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
        elif "/" in name:
            variable.assign(rng.normal(0, 0.3, variable.shape))
    return built


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
@pytest.mark.parametrize("images", digits(), ids=["digits", "as_cifar10"])
def test_every_morphism_keeps_what_the_network_computes(space, images):
    config, missing = configured(space), set(MORPHISMS)
    if not config.search_space.dense_layers:
        missing.remove("widen_dense")
    seed = 0
    while missing and seed < 20:
        seed += 1
        draws = Draws(seed)
        architecture = small_architecture(config, draws)
        network = network_of(architecture, images, config)
        built = shaken(network, seed)
        for name in sorted(missing):  # one upon another
            try:
                grown = after(name, architecture, config, draws)
                larger = network_of(grown, images, config)
                grown_from(network, larger)
            except (Rejected, Infeasible):
                continue
            held = {name: v.numpy() for name, v in model.variables(built, network).items()}
            new = model.build(larger, seed + 1, weights=inherited(network, larger, held, seed))
            before, now = (m(images, training=False).numpy() for m in (built, new))
            assert np.abs(now - before).max() <= 1e-5 * max(1.0, np.abs(before).max()), name
            assert larger.hash() != network.hash()
            architecture, network, built = grown, larger, new
            missing.discard(name)
    # An addition takes no more inputs of its own width: there is nothing to multiply by 0.
    assert missing == set()


def network_of(architecture, images, config):
    candidate = architecture.candidate(0, 0, SLOTS)
    return assemble(candidate, images.shape[1:], 10, config.search_space)


def test_copies_of_a_filter_do_not_stay_copies():
    config, draws = configured({}), Draws(1)
    images, _ = digits()
    parent = small_architecture(config, draws)
    network = network_of(parent, images, config)
    larger = network_of(after("widen", parent, config, draws), images, config)
    held = {name: v.numpy() for name, v in model.variables(shaken(network, 0), network).items()}
    found = inherited(network, larger, held, 5)
    wider = next(n for n in found if "/" not in n and found[n].shape[-1] > held[n].shape[-1])
    width = held[wider].shape[-1]
    np.testing.assert_array_equal(found[wider][..., width], found[wider][..., 0])
    reader = next(
        layer.name for layer in larger.layers if layer.width and reads(layer, wider, larger)
    )
    assert np.all(found[reader][..., 0, :] != found[reader][..., width, :])


def reads(layer, name, network):
    """Tell whether a layer reads channels of `name` at their own places."""
    source = network[layer.inputs[0]] if layer.inputs[0] != "input" else None
    while source is not None and source.op in ("maxpool", "dropout"):
        source = network[source.inputs[0]]
    return source is not None and source.name == name


CHANGES = {
    "kernel": lambda node: node._replace(kernel=7),
    "narrower": lambda node: node._replace(filters=node.filters - 1),
    "pooling": lambda node: node._replace(
        neighbour="none" if node.neighbour == "max_pooling" else "max_pooling"
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_network_that_cannot_compute_the_same_is_refused(change):
    images, _ = digits()
    config = configured({"neighbours": ("none", "max_pooling")})
    parent = small_architecture(config, Draws(4))
    (slot, module), *others = parent.modules
    changed = module._replace(nodes=(change(module.nodes[0]), *module.nodes[1:]))
    child = Architecture(parent.blueprint, ((slot, changed), *others))
    grown_from(network_of(parent, images, config), network_of(parent, images, config))
    with pytest.raises(Infeasible, match="in the smaller network"):
        grown_from(network_of(parent, images, config), network_of(child, images, config))


TRAINING = {"epochs": 2, "batch_size": 64, "deterministic": True, "schedule": "constant"}


@pytest.fixture(scope="module")
def family():
    """Return a configuration, a parent, a child that grew from it, and their tasks."""
    config = configured({"initial_blueprint_nodes": (1, 1), "initial_module_nodes": (1, 2)})
    values = {**config.model_dump(), "training": TRAINING, "dataset": {"train_examples": 300}}
    config, draws = Config.model_validate(values), Draws(7)
    parent = small_architecture(config, draws)
    child = after("deepen", parent, config, draws)
    tasks = []
    for number, architecture in enumerate((parent, child)):
        candidate = architecture.candidate(number, 0, SLOTS)
        network = assemble(candidate, (8, 8, 1), 10, config.search_space)
        tasks.append(
            Task(
                candidate=candidate,
                network_hash=network.hash(),
                seed=11 + number,
                compress=False,
                flops=1,
                keep_weights=True,
            )
        )
    return config, *tasks


def test_a_child_goes_on_from_its_parents_weights_or_says_why_not(family, tmp_path):
    config, of_parent, of_child = family
    evaluator = evaluate.Evaluator(
        config, open_dataset(config.dataset, 0), gpu=False, weights_folder=tmp_path
    )
    parent = evaluator(of_parent)
    assert (parent.start, parent.status) == ("new", "ok")
    file = weights.path(tmp_path, parent.weights)
    assert file.exists()

    start = Start(parent=of_parent.candidate, weights=parent.weights, epochs=1)
    child = evaluator(replace(of_child, start=start))
    assert (child.start, len(child.curve)) == ("inherited", 1)
    assert child.curve[0].loss < parent.curve[0].loss  # it does not begin at the beginning
    assert {path.stem for path in tmp_path.iterdir()} == {parent.weights, child.weights}
    assert evaluator(replace(of_child, start=start)).weights == child.weights

    file.write_bytes(file.read_bytes()[:-1])
    damaged = evaluator(replace(of_child, start=start))
    file.unlink()
    gone = evaluator(replace(of_child, start=start))
    new = evaluator(of_child)
    assert [one.start for one in (damaged, gone, new)] == ["damaged", "gone", "new"]
    # From new weights it is trained as long as ever.
    assert damaged.curve == gone.curve == new.curve
    assert len(gone.curve) == 2

    other = weights.write(tmp_path, {"a": np.zeros(3, np.float32)})
    foreign = evaluator(replace(of_child, start=replace(start, weights=other)))
    assert foreign.start == "damaged"


def test_what_is_stopped_early_leaves_no_weights(family, tmp_path):
    config, of_parent, _ = family
    evaluator = evaluate.Evaluator(
        config, open_dataset(config.dataset, 0), gpu=False, weights_folder=tmp_path
    )
    assert evaluator(replace(of_parent, stop_after=1)).weights == ""
    assert evaluator(replace(of_parent, keep_weights=False)).weights == ""
    assert list(tmp_path.iterdir()) == []
