"""What a user's environment and keras.json must not decide; set before TensorFlow is imported."""

import os

SETTINGS = {
    "KERAS_BACKEND": "tensorflow",
    "TF_USE_LEGACY_KERAS": "0",
    # The keras.json in that folder may ask for channels_first or float64. Below this one there can
    # be no file: Keras takes its own defaults, and writes none either.
    "KERAS_HOME": os.devnull,
}
