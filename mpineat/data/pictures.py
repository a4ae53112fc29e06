"""One image file of any kind, made RGB or grey of 8 bits and of one size, never distorted."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import Any, Literal

import numpy as np

from mpineat.data.image_cache import BrokenImage
from mpineat.errors import InputError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
FORMATS = ("JPEG", "PNG", "BMP", "WEBP")
MOST_PIXELS = 100_000_000  # a small file may declare a picture that no memory holds
MOST_BYTES = 1 << 28
GREY_MODES = ("1", "L", "I", "I;16", "I;16L", "I;16B", "I;16N")

Fit = Literal["pad", "crop"]


def size_and_channels(path: Path) -> tuple[int, int, int]:
    """Return (height, width, channels) as `decode` would without a size, from the header alone.

    Raises:
        BrokenImage: No image.
    """
    with _opened(path) as image:
        height, width = image.height, image.width
        try:
            turned = image.getexif().get(0x0112, 1) >= 5  # orientations that lie on their side
        except Exception as error:  # a damaged file raises almost anything
            raise _broken(path, error) from error
        if turned:
            height, width = width, height
        return height, width, 1 if image.mode in GREY_MODES else 3


def decode(path: Path, shape: tuple[int, int, int], *, resize: bool, fit: Fit | None) -> np.ndarray:
    """Return the image of one file, uint8 of `shape`.

    Grey of 16 bits loses its lower 8, what is transparent becomes black, EXIF turns images upright.

    Args:
        shape: (height, width, channels); 1 channel only for grey images.
        resize: Whether images of another size are brought to this one.
        fit: How, where they have another shape: in a black frame, or their middle.

    Raises:
        BrokenImage: No whole image.
        InputError: An image of another size or shape, and the option that settles it.
    """
    from PIL import Image, ImageOps

    height, width, channels = shape
    with _opened(path) as image:
        try:
            picture = _plain(ImageOps.exif_transpose(image), grey=channels == 1)
        except Exception as error:  # a damaged file raises almost anything
            raise _broken(path, error) from error
    if picture.size == (width, height):
        return np.asarray(picture).reshape(shape)
    if not resize:
        raise InputError(
            f"{path}: expected an image of {height}x{width} as the first one, found "
            f"{picture.height}x{picture.width}; set dataset.image_size: [height, width]"
        )
    factors = (height / picture.height, width / picture.width)
    factor = max(factors) if fit == "crop" else min(factors)
    inner = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    if inner != (width, height) and fit is None:
        raise InputError(
            f"{path}: {picture.height}x{picture.width} has another shape than image_size "
            f"{height}x{width}; set dataset.fit: pad (a black frame) or crop (the middle)"
        )
    picture = picture.resize(inner, Image.Resampling.BILINEAR)
    left, top = (inner[0] - width) // 2, (inner[1] - height) // 2
    # Outside of the picture crop gives black: the frame.
    return np.asarray(picture.crop((left, top, left + width, top + height))).reshape(shape)


def _opened(path: Path) -> Any:
    from PIL import Image

    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise BrokenImage(f"{path}: no plain file")
            content = file.read(MOST_BYTES)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    Image.MAX_IMAGE_PIXELS = None  # a warning only; the limit here is MOST_PIXELS
    try:
        image = Image.open(io.BytesIO(content), formats=FORMATS)
    except Exception as error:
        raise _broken(path, error) from error
    if image.width * image.height > MOST_PIXELS:
        raise BrokenImage(f"{path}: {image.height}x{image.width} pixels are too many")
    return image


def _plain(image: Any, *, grey: bool) -> Any:
    """Return an image of mode L or RGB."""
    from PIL import Image

    if image.mode.startswith("I"):  # 16 bits in 16 or in 32
        values = np.asarray(image).astype(np.int64).clip(0, 65535)
        image = Image.fromarray((values >> 8).astype(np.uint8))
    elif image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        seen = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", seen.size, (0, 0, 0, 255)), seen)
    return image.convert("L" if grey else "RGB")


def _broken(path: Path, error: Exception) -> BrokenImage:
    said = " ".join(str(error).replace(repr(io.BytesIO), "").split())
    return BrokenImage(f"{path}: no whole image ({said.split(' <_io')[0][:120]})")
