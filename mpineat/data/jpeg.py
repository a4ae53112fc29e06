"""JPEG files of one size, as Tiny ImageNet has them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mpineat.data import image_cache
from mpineat.data.image_cache import Labelled, Shape
from mpineat.data.reader import Split, damaged
from mpineat.errors import InputError, extra

JPEG_START = b"\xff\xd8\xff"


def require_pillow() -> None:
    """Raise InputError without Pillow: readers ask when opened, before a job is spent on it."""
    with extra("images"):
        import PIL  # noqa: F401


def decoded(files: Sequence[Labelled], shape: Shape, *, name: str, folder: Path) -> Split:
    """Return the images with their labels, in this order, mapped from the cache.

    Args:
        shape: That every image must have; grey ones become RGB.
        name, folder: As `image_cache.decoded` takes them.

    Raises:
        InputError: A file that is no whole JPEG image of this shape; no place for the cache.
    """
    found = image_cache.decoded(
        files, shape, lambda path: decode(path, shape), name=name, folder=folder
    )
    return Split(found.x, np.array([label for _, label in files], np.int32))


def decode(path: Path, shape: Shape) -> np.ndarray:
    """Return the RGB image of one file, uint8.

    The bytes are those of TensorFlow's decoder with its INTEGER_ACCURATE transform: both are
    libjpeg-turbo's exact integer transform, which is the same on every CPU.

    Raises:
        InputError: No whole JPEG image of this shape.
    """
    from PIL import Image  # only the training process comes here

    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    if not content.startswith(JPEG_START):
        start = content[:3].hex(" ") or "an empty file"
        raise damaged(path, 0, "the start of a JPEG file, ff d8 ff", start)
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as image:
            found = (image.height, image.width, 3)
            if found == shape:
                return np.asarray(image.convert("RGB"))
    except Exception as error:  # a damaged file raises almost anything
        raise damaged(path, len(content), "a whole JPEG image", str(error)) from error
    raise InputError(f"{path}: expected an image of {list(shape)}, found {list(found)}")
