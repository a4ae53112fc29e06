"""The images, and how copies of them are changed."""

from __future__ import annotations

from typing import Annotated, ClassVar

from mpineat.config.section import Count, Named, Rate, Section, option


class Augment(Section):
    """Random changes of the copies of a training image, drawn on the device in the training step."""

    flip: bool = option(True, "mirror left-right with probability 1/2")
    shift: float = option(0.1, "largest shift, as a fraction of height and width", ge=0, le=0.5)
    rotate: float = option(0.0, "largest rotation either way, in degrees", ge=0, le=180)
    brightness: Rate = option(0.0, "largest change of brightness, as a fraction of the full range")
    scale: float = option(0.0, "largest magnification or reduction, as a fraction of the size", ge=0, lt=1)
    contrast: Rate = option(0.0, "largest relative change of the values (CoDeepNEAT: value scale)")
    saturation: Rate = option(0.0, "largest relative change of saturation; colour images alone")
    hue: float = option(0.0, "largest turn of the hue either way, in degrees; colour images alone", ge=0, le=180)
    originals: bool = option(False, "change the first copy too, as CoDeepNEAT does")


class Dataset(Section):
    """The images to classify."""

    # Options that a reader's Source must name before they may be set; the data room checks.
    OF_SOME_READERS: ClassVar[tuple[str, ...]] = ("classes",)

    name: Annotated[str, Named("reader")] = option(
        "digits", "which reader; 'file' reads your own .npz or .h5 with arrays x and y"
    )
    path: str | None = option(
        None, "folder of the official files, or the file itself for 'file'; none for the embedded digits"
    )
    classes: Count | None = option(
        None, "tiny_imagenet: take the first so many of wnids.txt; none: all (thesis: 100)"
    )
    train_examples: Count | None = option(
        None, "use only so many training images (stratified by class); none: all"
    )
    validation_fraction: float = option(
        0.15, "share of the training set that fitness is measured on (CoDeepNEAT: 7,500 of 50,000)", gt=0, lt=1
    )
    augment_copies: int = option(
        1, "size of the training set in multiples of itself; copies after the first are augmented", ge=1, le=100
    )
    augment: Augment = option(Augment(), "how the copies are augmented")
