"""TPE: Optuna sees each network as the answers that make it, and learns which are good."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("optuna")

from optuna.trial import TrialState

from mpineat.evolution.purpose import Purpose, draws_for
from mpineat.evolution.strategies.tpe import TreeParzen
from mpineat.genotype.architecture import Architecture
from mpineat.genotype.encoding import Encoding
from tests.evolution.values import building, config, judged

ROOT = Path(__file__).parents[3]
OPTIONS = config(strategy="tpe", candidates=8, evolve_training=True, tpe={"initial": 8})


def wide(candidate) -> float:
    """Return a score that wants few filters and no dropout."""
    nodes = [node for _, module in candidate.modules for node in module.nodes]
    dropout = sum(node.neighbour == "dropout" for node in nodes) / len(nodes)
    return 1 - sum(node.filters for node in nodes) / len(nodes) / 68 / 2 - dropout / 2


def generation(strategy, state, score):
    asked = strategy.ask(state, OPTIONS, building(OPTIONS))
    results = [judged(c, score(c)) for c in asked.candidates]
    told = strategy.tell(asked.state, results, OPTIONS)
    return asked.candidates, strategy.breed(told, OPTIONS)


def test_a_study_holds_every_network_as_the_choices_that_make_it():
    strategy = TreeParzen()
    scores = iter([0.5, None, *np.linspace(0.1, 0.9, 6)])
    candidates, state = generation(strategy, strategy.initial(OPTIONS), lambda _: next(scores))
    proposals = strategy.proposals(state, OPTIONS, draws_for(Purpose.OWN, 1, OPTIONS))
    encoding, study = Encoding(OPTIONS), proposals._rebuilt()
    trials = study.get_trials()
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * len(trials)
    assert trials[0].value == 0.5
    for trial, candidate in zip(trials[1:], candidates[2:], strict=True):  # one failed unfaulted
        architecture = Architecture(candidate.blueprint, candidate.modules)
        _, counts = encoding.choices(architecture)
        asked = [position.name for position in encoding.positions if counts[position.at]]
        assert sorted(name.split(" of ")[0] for name in trial.params) == sorted(asked)
        for position in encoding.positions:
            if position.name.endswith("filters") and position.name in trial.params:
                slot, node = (
                    int(word.strip(",:")) for word in position.name.split() if word[0].isdigit()
                )
                module = dict(candidate.modules)[slot]
                low = OPTIONS.search_space.filters[0]
                assert trial.params[position.name] == module.nodes[node - 1].filters - low


def test_what_is_good_is_proposed_more_often():
    strategy = TreeParzen()
    first, state = generation(strategy, strategy.initial(OPTIONS), wide)
    for _ in range(3):
        last, state = generation(strategy, state, wide)
    assert np.mean([wide(c) for c in last]) > np.mean([wide(c) for c in first]) + 0.1


def test_a_network_under_way_is_among_the_others_until_it_is_told():
    strategy = TreeParzen()
    _, state = generation(strategy, strategy.initial(OPTIONS), wide)
    asked = strategy.ask(state, OPTIONS, building(OPTIONS), count=3)
    proposals = strategy.proposals(asked.state, OPTIONS, draws_for(Purpose.OWN, 1, OPTIONS))
    states = [trial.state for trial in proposals._rebuilt().get_trials()]
    assert states == [TrialState.COMPLETE] * 8 + [TrialState.RUNNING] * 3


def test_without_the_extra_check_says_so_in_a_line():
    code = (
        "import sys; sys.modules['optuna'] = None; from mpineat.cli.main import main;"
        "sys.exit(main(['check', 'evolution.strategy=tpe']))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert found.returncode == 2
    assert found.stdout == ""
    [line] = found.stderr.splitlines()
    assert "this needs optuna, which the extra 'optuna' installs: pip install" in line
