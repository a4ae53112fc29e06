"""Which images are held out for the test where a data set has no test set of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mpineat.errors import InputError

TEST_FRACTION = 0.15
# Which examples those are depends on the data alone: every run of every seed reports on the same
# test set.
_TEST_SEED = 20


def held_out(y: np.ndarray, place: Path) -> np.ndarray:
    """Return the indices of every class's share of the test set, ascending.

    Raises:
        InputError: There are so few images that the share of every class is none.
    """
    rng = np.random.default_rng(_TEST_SEED)
    members = (rng.permutation(np.flatnonzero(y == label)) for label in range(int(y.max()) + 1))
    chosen = np.concatenate([own[: round(len(own) * TEST_FRACTION)] for own in members])
    if not chosen.size:
        raise InputError(
            f"{place}: expected a test set, or enough images to hold {TEST_FRACTION:.0%} of each "
            f"class out for one; found {len(y)} images; add a test set (x_test and y_test, test/)"
        )
    return np.sort(chosen)
