"""What TensorFlow and Keras read from the environment; set before TensorFlow is imported."""

from __future__ import annotations

import os
from collections.abc import Mapping

from mpineat.config import Training

# What a user's environment and keras.json must not decide.
SETTINGS = {
    "KERAS_BACKEND": "tensorflow",
    "TF_USE_LEGACY_KERAS": "0",
    # The keras.json in that folder may ask for channels_first or float64. Below this one there can
    # be no file: Keras takes its own defaults, and writes none either.
    "KERAS_HOME": os.devnull,
}
ONEDNN = "TF_ENABLE_ONEDNN_OPTS"


def onednn(training: Training, given: Mapping[str, str]) -> dict[str, str]:
    """Return the variable by which TensorFlow takes oneDNN's kernels on CPUs, or takes none.

    By itself it takes them only on processors with AVX-512 or AVX-VNNI, though steps of these
    networks take a half to a third of the time with them on AVX2 too.

    Args:
        given: The environment, which decides where the option says "auto".
    """
    if training.onednn == "tensorflow" or (training.onednn == "auto" and ONEDNN in given):
        return {}
    wanted = training.onednn == "on" or (training.onednn == "auto" and not training.deterministic)
    return {ONEDNN: "1" if wanted else "0"}
