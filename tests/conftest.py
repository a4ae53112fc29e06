"""Child processes of the tests run this checkout; what needs TensorFlow is skipped without it."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[1]
HAS_TENSORFLOW = importlib.util.find_spec("tensorflow") is not None

# Files that import it; tests that only start it in another process carry the marker.
collect_ignore = [] if HAS_TENSORFLOW else ["training", "examples/test_exporter.py"]

# A deadline would make of a busy machine a failed test.
settings.register_profile("mpineat", deadline=None)
settings.load_profile("mpineat")
settings.register_profile("few", max_examples=10, deadline=None)  # for .ci/run


def pytest_report_header() -> str:
    without = f"no TensorFlow: without {', '.join(collect_ignore)} and tests marked `tensorflow`"
    return "" if HAS_TENSORFLOW else without


def pytest_runtest_setup(item: pytest.Item) -> None:
    if not HAS_TENSORFLOW and item.get_closest_marker("tensorflow"):
        pytest.skip("needs TensorFlow")


@pytest.fixture(autouse=True, scope="session")
def _checkout_first() -> None:
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(paths)
