"""The images, and how copies of them are changed."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import field_validator

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
    whole_pixels: bool = option(False, "shift by whole pixels, which blurs no image")


class Arrays(Section):
    """What the arrays of an own file are called, where their names do not say it."""

    x: str | None = option(None, "images to train on; in HDF5 with its groups, as in train/x")
    y: str | None = option(None, "their labels")
    x_test: str | None = option(None, "images to test on; none: 15 % of x, the same for every seed")
    y_test: str | None = option(None, "their labels")
    x_val: str | None = option(None, "images that fitness is measured on; none: validation_fraction of x")
    y_val: str | None = option(None, "their labels")


class Dataset(Section):
    """The images to classify."""

    # Options that a reader's Source must name before they may be set; the data room checks.
    OF_SOME_READERS: ClassVar[tuple[str, ...]] = (
        "classes",
        "arrays",
        "signals",
        "channels",
        "range",
        "rare_labels",
        "image_size",
        "fit",
    )

    name: Annotated[str, Named("reader")] = option(
        "digits", "which reader; 'file' reads your own arrays, 'folder' your own image files"
    )
    path: str | None = option(
        None,
        "folder of the official files, or of your own; the file itself for 'file'; none for the digits. "
        "In a configuration file: from that file's folder on",
    )
    classes: Count | None = option(
        None, "tiny_imagenet: take the first so many of wnids.txt; none: all (thesis: 100)"
    )
    arrays: Arrays = option(Arrays(), "file: what the arrays are called")
    signals: bool = option(
        False,
        "file: arrays are signals [n, length] or [n, length, channels], images of height 1; needs "
        "search_space.kernel_shape: row",
    )
    channels: Literal["first", "last"] | None = option(
        None, "file: which axis of an image they are; none: as the shape says"
    )
    range: tuple[float, float] | None = option(
        None, "file: the values of black and white; none: as the values say ([0, 1], [0, 255], all of uint16)"
    )
    rare_labels: Literal["keep", "drop"] | None = option(
        None, "file: what a label that occurs once among plenty is: a class, or images to leave out"
    )
    image_size: tuple[Count, Count] | None = option(
        None, "folder: [height, width] in pixels that images are brought to; file: of flat images"
    )
    fit: Literal["pad", "crop"] | None = option(
        None, "folder: how images of another shape fit image_size: in a black frame, or their middle; never distorted"
    )
    on_device: Literal["auto", "always", "never"] = option(
        "auto",
        "whether a worker's device holds all images: auto, where half of its memory (without a GPU, of the node's share) "
        "does; else they are streamed from the files, in the same order",
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

    @field_validator("range")
    @classmethod
    def _ascending(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not value[0] < value[1]:
            raise ValueError(f"dataset.range: expected [low, high], found {list(value)}")
        return value
