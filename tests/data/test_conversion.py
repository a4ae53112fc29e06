"""What became of a user's values: the arithmetic there and back, and that of an exported model."""

from __future__ import annotations

import numpy as np
import pytest

from mpineat.data.conversion import AS_IT_IS, Conversion, recognised
from mpineat.errors import InputError

STEPS = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
CONVERSIONS = [
    AS_IT_IS,
    Conversion(dtype="float32", high=1.0),
    Conversion(dtype="float64", low=-1.0, high=1.0),
    Conversion(dtype="uint16", high=65535.0),
    Conversion(dtype="int64"),
]


@pytest.mark.parametrize("conversion", CONVERSIONS, ids=lambda each: each.dtype)
def test_every_step_survives_the_way_back(conversion):
    values = conversion.back(STEPS)
    assert values.dtype.name == conversion.dtype
    assert np.array_equal(conversion.to_uint8(values, "x"), STEPS)


@pytest.mark.parametrize("conversion", CONVERSIONS, ids=lambda each: each.dtype)
def test_a_model_sees_the_same_whether_it_takes_uint8_or_the_users_values(conversion):
    scales, offsets = conversion.standardizing([0.4], [0.2])
    standardized = conversion.back(STEPS).astype(np.float64) * scales[0] + offsets[0]
    np.testing.assert_allclose(standardized, (STEPS / 255 - 0.4) / 0.2, atol=1e-6)


def test_images_as_they_are_keep_the_arithmetic_of_earlier_exports():
    mean, deviation = [0.4914, 0.1307], [0.247, 0.3081]
    scales, offsets = AS_IT_IS.standardizing(mean, deviation)
    assert scales == [1 / (255 * one) for one in deviation]
    assert offsets == [-middle / one for middle, one in zip(mean, deviation, strict=True)]


@pytest.mark.parametrize(
    ("dtype", "low", "high", "whole", "expected"),
    [
        ("bool", 0, 1, True, (0, 1)),
        ("int64", 0, 1, True, (0, 1)),
        ("int64", 0, 255, True, (0, 255)),
        ("float32", 0, 1, False, (0, 1)),
        ("float64", 0, 16, True, (0, 255)),  # scikit-learn's digits: nothing is lost
        ("float64", 0, 254.5, False, (0, 255)),
        ("uint16", 0, 40_000, True, (0, 65535)),
        ("uint16", 0, 200, True, (0, 255)),
        ("uint16", 0, 4095, True, None),
        ("int32", -1, 200, True, None),
        ("float32", -1, 1, False, None),
        ("float32", 0, 1.5, False, None),
        ("float32", 0, 300, True, None),
    ],
)
def test_ranges_are_recognised_where_they_are_certain(dtype, low, high, whole, expected):
    if expected is None:
        with pytest.raises(InputError, match=r"x: .* may mean several ranges; set dataset\.range"):
            recognised(np.dtype(dtype), low, high, whole=whole, place="x")
    else:
        found = recognised(np.dtype(dtype), low, high, whole=whole, place="x")
        assert (found.low, found.high) == expected
