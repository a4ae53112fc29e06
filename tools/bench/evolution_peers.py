"""One generation of a peer, without training: run by evolution_speed.py in the peer's environment.

    PYTHON evolution_peers.py neat-python|tfne SIZE GENERATIONS

Random fitness, the packages' own example settings. Two defects that end every run of tfne 0.21.1 in
its first generations are supplied here: a module that uses numpy without importing it, and
random.sample of a set, which Python refuses since 3.11.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import resource
import statistics
import sys
import tempfile
import time

NEAT_PYTHON = """
[NEAT]
fitness_criterion = max
fitness_threshold = 1e9
no_fitness_termination = False
pop_size = {size}
reset_on_extinction = True
[DefaultGenome]
activation_default = relu
activation_mutate_rate = 0.1
activation_options = relu tanh sigmoid
aggregation_default = sum
aggregation_mutate_rate = 0.1
aggregation_options = sum max
bias_init_mean = 0.0
bias_init_stdev = 1.0
bias_init_type = gaussian
bias_max_value = 30.0
bias_min_value = -30.0
bias_mutate_power = 0.5
bias_mutate_rate = 0.2
bias_replace_rate = 0.1
compatibility_disjoint_coefficient = 1.0
compatibility_weight_coefficient = 0.5
conn_add_prob = 0.2
conn_delete_prob = 0.05
enabled_default = True
enabled_mutate_rate = 0.01
enabled_rate_to_true_add = 0.0
enabled_rate_to_false_add = 0.0
feed_forward = True
initial_connection = full_direct
node_add_prob = 0.2
node_delete_prob = 0.05
num_hidden = 0
num_inputs = 1
num_outputs = 1
response_init_mean = 1.0
response_init_stdev = 0.0
response_init_type = gaussian
response_max_value = 30.0
response_min_value = -30.0
response_mutate_power = 0.0
response_mutate_rate = 0.0
response_replace_rate = 0.0
single_structural_mutation = False
structural_mutation_surer = default
weight_init_mean = 0.0
weight_init_stdev = 1.0
weight_init_type = gaussian
weight_max_value = 30
weight_min_value = -30
weight_mutate_power = 0.5
weight_mutate_rate = 0.8
weight_replace_rate = 0.1
[DefaultSpeciesSet]
compatibility_threshold = 3.0
[DefaultStagnation]
species_fitness_func = mean
max_stagnation = 15
species_elitism = 2
[DefaultReproduction]
elitism = 2
survival_threshold = 0.5
min_species_size = 2
"""

TFNE = """
[EVALUATION]
epochs = 1
batch_size = None
preprocessing = None
[POPULATION]
bp_pop_size = {size}
mod_pop_size = {size}
genomes_per_bp = 4
[GENOME]
dtype = 'float32'
available_modules = ['Conv2DMaxPool2DDropout']
available_optimizers = ['SGD']
output_layers = [{{'class_name': 'Flatten', 'config': {{}}}},
                 {{'class_name': 'Dense', 'config': {{'units': 10, 'activation': 'softmax'}}}}]
[MODULE_SPECIATION]
mod_spec_type = 'param-distance-dynamic'
mod_spec_species_count = 4
mod_spec_distance = 0.3
mod_spec_mod_elitism = 2
mod_spec_min_offspring = 1
mod_spec_reprod_thres = 0.5
mod_spec_max_stagnation = 15
mod_spec_species_elitism = 2
mod_spec_rebase_repr = True
mod_spec_reinit_extinct = False
[MODULE_EVOLUTION]
mod_max_mutation = 0.3
mod_mutation_prob = 0.8
mod_crossover_prob = 0.2
[BP_SPECIATION]
bp_spec_type = 'gene-overlap-dynamic'
bp_spec_species_count = 3
bp_spec_distance = 0.3
bp_spec_bp_elitism = 2
bp_spec_min_offspring = 1
bp_spec_reprod_thres = 0.5
bp_spec_max_stagnation = 15
bp_spec_species_elitism = 2
bp_spec_rebase_repr = True
bp_spec_reinit_extinct = True
[BP_EVOLUTION]
bp_max_mutation = 0.3
bp_mutation_add_conn_prob = 0.2
bp_mutation_add_node_prob = 0.2
bp_mutation_rem_conn_prob = 0.05
bp_mutation_rem_node_prob = 0.05
bp_mutation_node_spec_prob = 0.3
bp_mutation_optimizer_prob = 0.1
bp_crossover_prob = 0.1
[MODULE_CONV2DMAXPOOL2DDROPOUT]
merge_method = [{{'class_name': 'Concatenate', 'config': {{'axis': -1}}}},
                {{'class_name': 'Add', 'config': {{}}}}]
filters = {{'min': 32, 'max': 256, 'step': 32, 'stddev': 32}}
kernel_size = [1, 2, 3]
strides = [1]
padding = ['valid', 'same']
activation = ['linear', 'elu', 'relu']
kernel_init = ['glorot_uniform']
bias_init = ['zeros']
max_pool_flag = 0.5
max_pool_size = [2]
dropout_flag = 0.5
dropout_rate = {{'min': 0.1, 'max': 0.7, 'step': 0.1, 'stddev': 0.2}}
[OPTIMIZER_SGD]
learning_rate = {{'min': 0.0001, 'max': 0.1, 'step': 0.0001, 'stddev': 0.02}}
momentum = {{'min': 0.68, 'max': 0.99, 'step': 0.01, 'stddev': 0.05}}
nesterov = [True, False]
"""


def neat_python(size: int, generations: int) -> dict[str, object]:
    """Evolve one population."""
    import neat

    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as file:
        file.write(NEAT_PYTHON.format(size=size))
        file.flush()
        kinds = (neat.DefaultGenome, neat.DefaultReproduction)
        config = neat.Config(*kinds, neat.DefaultSpeciesSet, neat.DefaultStagnation, file.name)
    population = neat.Population(config)
    seconds: dict[str, list[float]] = {"reproduce": [], "speciate": []}
    for part, name in ((population.reproduction, "reproduce"), (population.species, "speciate")):
        setattr(part, name, timed(getattr(part, name), seconds[name]))

    def random_fitness(genomes, _config):
        for _, genome in genomes:
            genome.fitness = random.random()

    population.run(random_fitness, generations)
    late = slice(generations // 2, None)
    evolve = sum(statistics.median(values[late]) for values in seconds.values())
    return {
        "genomes": size,
        "evolve_seconds": evolve,
        "module_species": len(population.species.species),
    }


def tfne(size: int, generations: int) -> dict[str, object]:
    """Evolve modules and blueprints."""
    os.environ.update(
        TF_CPP_MIN_LOG_LEVEL="3", CUDA_VISIBLE_DEVICES="-1", QT_QPA_PLATFORM="offscreen"
    )
    import logging

    import numpy as np
    import tfne as package
    from tfne.algorithms.codeepneat import _codeepneat_evolution_bp

    logging.disable(logging.CRITICAL)
    _codeepneat_evolution_bp.np = np
    sample = random.sample
    random.sample = lambda population, k: sample(
        sorted(population) if isinstance(population, (set, frozenset)) else population, k
    )

    class Shapes:
        def get_input_shape(self):
            return 28, 28, 1

        def get_output_shape(self):
            return (10,)

    np.random.seed(1)
    with tempfile.NamedTemporaryFile("w", suffix=".cfg") as file:
        file.write(TFNE.format(size=size))
        file.flush()
        algorithm = package.algorithms.CoDeepNEAT(package.parse_configuration(file.name))
    algorithm.initialize_population(Shapes())
    pop, seconds = algorithm.pop, []
    for _ in range(generations):
        for members, species, history in (
            (pop.modules, pop.mod_species, pop.mod_species_fitness_history),
            (pop.blueprints, pop.bp_species, pop.bp_species_fitness_history),
        ):
            for member in members.values():
                member.set_fitness(round(random.uniform(10, 100), 4))
            for id, ids in species.items():
                mean = statistics.mean(members[i].get_fitness() for i in ids)
                history.setdefault(id, {})[pop.generation_counter] = round(mean, 4)
        timed(algorithm.evolve_population, seconds)()
    return {
        "genomes": 2 * size,
        "evolve_seconds": statistics.median(seconds[generations // 2 :]),
        "module_species": len(pop.mod_species),
        "blueprint_species": len(pop.bp_species),
    }


def timed(function, seconds):
    """Return `function`, its CPU seconds appended to `seconds`."""

    def call(*args, **kwargs):
        start = time.process_time()
        try:
            return function(*args, **kwargs)
        finally:
            seconds.append(time.process_time() - start)

    return call


if __name__ == "__main__":
    name, size, generations = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    random.seed(1)
    with contextlib.redirect_stdout(io.StringIO()):
        found = {"neat-python": neat_python, "tfne": tfne}[name](size, generations)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"package": name, "size": size, "peak_mib": peak, **found}))
