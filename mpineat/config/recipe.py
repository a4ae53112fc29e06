"""What full trainings do beyond those of the search: the final's, and that of `export`."""

from __future__ import annotations

from typing import Literal

from mpineat.config.section import Count, Section, option


class Recipe(Section):
    """How networks are trained that are trained in full, and not only until they can be ranked."""

    augment: Literal["auto", "search", "photographs"] = option(
        "auto",
        "photographs: mirror every image at random and shift it by up to an eighth, in whole pixels; search: as dataset.augment "
        "says; auto: photographs for cifar10, cifar100, stl10 and tiny_imagenet where the search augments nothing, else search",
    )
    label_smoothing: float = option(
        0.0, "share of each label that is spread over all classes alike (Szegedy et al. 2016)", ge=0, lt=1
    )
    weight_decay: float = option(
        0.0,
        "every step shrinks kernels, not biases and norms, by this times the learning rate, apart from Adam's moments "
        "(Loshchilov and Hutter 2019)",
        ge=0,
    )
    average_epochs: int = option(
        0, "take the mean of the weights at the ends of so many last epochs (Izmailov et al. 2018); 0: the last weights", ge=0
    )
    measure_norms: bool = option(
        True, "measure mean and variance of every batch normalisation for the last weights, on up to 100 batches; the running "
        "means, over some 100 steps, are behind where a training is short",
    )  # fmt: skip
    batch_size: Count | None = option(
        None,
        "examples per training step; the learning rate grows by the root of its ratio to training.batch_size (Malladi et al. "
        "2022); none: training.batch_size",
    )
    cutout: float = option(
        0.0, "side of a square of every image that is blanked, as a fraction of height and width (DeVries and Taylor 2017)",
        ge=0, lt=1,
    )  # fmt: skip
    mixup: float = option(
        0.0, "both parameters of the beta distribution by which pairs of images are mixed (Zhang et al. 2018); 0: none", ge=0
    )


# The training of the search, whatever the options say.
PLAIN = Recipe(
    augment="search",
    label_smoothing=0.0,
    weight_decay=0.0,
    average_epochs=0,
    measure_norms=False,
    batch_size=None,
    cutout=0.0,
    mixup=0.0,
)
