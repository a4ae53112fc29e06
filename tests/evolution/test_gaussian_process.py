import math

import numpy as np
import pytest

from mpineat.evolution.gaussian_process import (
    Model,
    expected_improvement,
    log_likelihood,
    normal_scores,
)


def line(*points):
    """Return the distances between points of a line, of which the kernel is positive definite."""
    return np.abs(np.subtract.outer(points, points)).astype(float)


def test_the_posterior_is_what_a_hand_computes():
    # One point of value 2, noise 1: covariance with another at distance ln 2 is 1/2, so its mean
    # is 1/2 * 1/2 * 2 and its variance 1 - 1/2 * 1/2 * 1/2.
    model = Model.of(np.zeros((1, 1)), np.array([2.0]), length=1.0, noise=1.0)
    belief = model.posterior(np.array([[math.log(2), 0.0]]))
    assert belief.mean == pytest.approx([0.5, 1.0])
    assert belief.deviation == pytest.approx([math.sqrt(7 / 8), math.sqrt(1 / 2)])


def test_the_posterior_is_the_text_book_s_and_so_is_the_likelihood():
    known, values = line(0.0, 0.3, 1.0, 2.0), np.array([1.0, 0.2, -1.0, 0.5])
    across = np.abs(np.subtract.outer([0.0, 0.3, 1.0, 2.0], [0.5, 3.0]))
    covariance = np.exp(-known / 0.7) + 0.1 * np.eye(4)
    inverse, cross = np.linalg.inv(covariance), np.exp(-across / 0.7)
    belief = Model.of(known, values, 0.7, 0.1).posterior(across)
    assert belief.mean == pytest.approx(cross.T @ inverse @ values)
    assert belief.deviation**2 == pytest.approx(1 - np.diag(cross.T @ inverse @ cross))
    density = math.exp(-values @ inverse @ values / 2) / math.sqrt(
        np.linalg.det(2 * math.pi * covariance)
    )
    assert log_likelihood(known, values, 0.7, 0.1) == pytest.approx(math.log(density))


def test_to_observe_a_point_is_to_have_known_it():
    places, values = (0.0, 0.3, 1.0), np.array([1.0, 0.2, -1.0])
    others = np.array([0.5, 3.0, 0.9])
    belief = Model.of(line(*places), values, 0.7, 0.1).posterior(
        np.abs(np.subtract.outer(places, others))
    )
    belief.observe(1, np.abs(others - 3.0), 2.0)
    belief.observe(0, np.abs(others - 0.5), -1.0)
    known = (*places, 3.0, 0.5)
    anew = Model.of(line(*known), np.append(values, [2.0, -1.0]), 0.7, 0.1).posterior(
        np.abs(np.subtract.outer(known, others))
    )
    assert belief.mean == pytest.approx(anew.mean)
    assert belief.deviation == pytest.approx(anew.deviation)


def test_the_length_and_the_noise_follow_the_values():
    rng = np.random.default_rng(1)
    places = np.sort(rng.uniform(0, 3, 150))
    distances = line(*places)
    smooth = np.linalg.cholesky(np.exp(-distances / 1.6) + 1e-9 * np.eye(150)) @ rng.normal(
        size=150
    )
    assert Model.fitted(distances, smooth).noise <= 0.1
    assert Model.fitted(distances, smooth).length >= 0.8
    assert Model.fitted(distances, rng.normal(size=150)).noise >= 0.3


def test_improvement_is_expected_where_the_mean_or_the_doubt_is_large():
    mean, deviation = np.array([0.0, 0.0, 1.0, -1.0]), np.array([1.0, 2.0, 1.0, 1e-6])
    found = expected_improvement(mean, deviation, best=0.5)
    rng = np.random.default_rng(2)
    drawn = mean + deviation * rng.normal(size=(200_000, 4))
    assert found == pytest.approx(np.maximum(drawn - 0.5, 0).mean(axis=0), abs=0.01)


def test_normal_scores_keep_the_order_and_make_equals_equal():
    found = normal_scores(np.array([0.1, 0.9, 0.5, 0.5, 0.99]))
    assert found[0] < found[2] == found[3] < found[1] < found[4]
    assert found.mean() == pytest.approx(0, abs=0.05)
    assert found[0] == pytest.approx(-found[4])
