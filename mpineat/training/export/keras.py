"""Keras's own format: one file, `.keras`."""

from mpineat.training.export.exporter import Exporter

EXPORTER = Exporter(
    name="keras",
    suffix=".keras",
    write=lambda model, path: model.save(path),
    how_to_load='keras.models.load_model("{path}")',
    example="""
import keras

model = keras.models.load_model("{path}")
classes = model.predict(images).argmax(axis=-1)
""",
)
