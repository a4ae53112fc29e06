"""The options of a full training, the final's or an export's, by the recipe and the data set."""

from __future__ import annotations

from mpineat.config import Augment, Config
from mpineat.data.reader import source

# Of 32 pixels 4 either way, as He et al. (2016) crop CIFAR's images out of a padded frame.
PHOTOGRAPHS = Augment(flip=True, shift=0.125, whole_pixels=True, originals=True)


def full(config: Config) -> Config:
    """Return the options of a full training, where `config` has those of the search's trainings."""
    training, dataset = config.training, config.dataset
    if on_photographs(config):
        dataset = dataset.model_copy(update={"augment": PHOTOGRAPHS, "augment_copies": 1})
    if batch_size := config.recipe.batch_size:
        # Malladi et al. (2022): Adam's noise stays what it was by the root of the ratio.
        rate = training.learning_rate * (batch_size / training.batch_size) ** 0.5
        changed = {"batch_size": batch_size, "learning_rate": rate}
        training = training.model_copy(update=changed)
    return config.model_copy(update={"training": training, "dataset": dataset})


def on_photographs(config: Config) -> bool:
    """Return whether full trainings mirror and shift every image, whatever the search's do."""
    if config.recipe.augment == "auto":
        own = config.dataset.augment_copies > 1 or config.dataset.augment.originals
        return source(config.dataset.name).photographs and not own
    return config.recipe.augment == "photographs"
