"""A network at other flops: narrowed by the compression, widened by one factor."""

from __future__ import annotations

import pytest

from mpineat.config import Config
from mpineat.errors import InputError
from mpineat.phenotype import cost
from mpineat.training.export.width import at_flops
from tests.training.export.test_export import CONFIG, DIGITS, NETWORK

FULL = cost.flops(NETWORK)


def with_rule(rule: str) -> Config:
    options = {"rule": rule, "epochs": 0.1, "target_flops": 0.9, "width_multiplier": 3.0}
    return CONFIG.model_copy(update={"compression": CONFIG.compression.model_copy(update=options)})


@pytest.mark.parametrize("rule", ["budget", "threshold", "elastic"])
@pytest.mark.parametrize("share", [0.3, 0.7])
def test_below_full_width_the_compression_meets_the_flops(rule: str, share: float) -> None:
    narrow = at_flops(NETWORK, with_rule(rule), DIGITS, share * FULL)
    assert 0.7 * share * FULL < cost.flops(narrow) <= share * FULL
    assert [layer.op for layer in narrow.layers] == [layer.op for layer in NETWORK.layers]


def test_above_it_all_widths_grow_alike() -> None:
    assert at_flops(NETWORK, CONFIG, DIGITS, FULL) == NETWORK
    wide = at_flops(NETWORK, CONFIG, DIGITS, 3 * FULL)
    assert 2.5 * FULL < cost.flops(wide) <= 3 * FULL
    assert {layer.filters for layer in wide.layers if layer.filters} == {wide["a"].filters}


def test_what_no_width_can_meet_is_refused_with_the_least() -> None:
    with pytest.raises(InputError, match=r"--flops 50: this network needs at least .* flops"):
        at_flops(NETWORK, with_rule("elastic"), DIGITS, 50)
