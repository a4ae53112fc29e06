"""A picture of a data set, some images a class with its name: a wrong label is seen at once."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from mpineat.data.reader import Split
from mpineat.errors import InputError, StorageError, extra

OF_EACH = 3
SIDE = 64  # pixels of an image's longer side; smaller images are magnified by whole factors
CLASSES = 200  # at most; more would be no picture
_COLUMNS, _GAP, _LINE = 4, 4, 14


def write(path: Path, split: Split, class_names: tuple[str, ...]) -> None:
    """Write the picture of training images to `path`, in the format of its suffix.

    Raises:
        InputError: Pillow is missing, or the suffix is no picture's.
        StorageError: The file cannot be written.
    """
    sheet = drawn(split, class_names)
    try:
        sheet.save(path)
    except ValueError as error:
        raise InputError(f"{path}: expected a name such as sheet.png: {error}") from error
    except OSError as error:
        raise StorageError(f"{path}: cannot be written: {error.strerror or error}") from error


def png(split: Split, class_names: tuple[str, ...]) -> bytes:
    """Return the picture as a .png file's content; b"" without Pillow."""
    content = io.BytesIO()
    with suppress(InputError):
        drawn(split, class_names).save(content, "PNG", optimize=True)
    return content.getvalue()


def drawn(split: Split, class_names: tuple[str, ...]) -> Any:
    """Draw it.

    Raises:
        InputError: Pillow is missing.
    """
    with extra("images"):
        from PIL import Image, ImageDraw
    labels = np.unique(split.y)[:CLASSES].tolist()
    width, height = OF_EACH * (SIDE + _GAP) + 2 * _GAP, SIDE + _LINE + _GAP
    columns = min(_COLUMNS, len(labels))
    sheet = Image.new("RGB", (columns * width, -(-len(labels) // columns) * height), "white")
    draw = ImageDraw.Draw(sheet)
    for place, label in enumerate(labels):
        left, top = place % columns * width + _GAP, place // columns * height
        members = np.flatnonzero(split.y == label)
        named = f"{label} {class_names[label]}" if class_names else str(label)
        # Pillow's own font has no more.
        shown = named.encode("latin-1", "replace").decode("latin-1")
        draw.text((left, top + 1), f"{shown[:28]} ({len(members):,})", fill="black")
        for index, member in enumerate(members[:: -(-len(members) // OF_EACH)][:OF_EACH].tolist()):
            sheet.paste(_thumbnail(split.x[member]), (left + index * (SIDE + _GAP), top + _LINE))
    return sheet


def _thumbnail(image: np.ndarray) -> Any:  # Pillow may be absent
    from PIL import Image

    if len(image) == 1:
        return _curve(image[0])
    depth = image.shape[-1]
    # Other than grey, RGB and RGBA: the first channel stands for all.
    pixels = image[..., 0] if depth not in (3, 4) else image[..., :3]
    picture = Image.fromarray(np.ascontiguousarray(pixels)).convert("RGB")
    longest = max(picture.size)
    if longest > SIDE:
        picture.thumbnail((SIDE, SIDE))
        return picture
    factor = SIDE // longest
    return picture.resize(
        (picture.width * factor, picture.height * factor), Image.Resampling.NEAREST
    )


def _curve(signal: np.ndarray) -> Any:
    """Draw a signal [length, channels], its channels one over another."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (SIDE, SIDE), "white")
    draw = ImageDraw.Draw(picture)
    across = np.linspace(0, SIDE - 1, len(signal))
    for channel in signal.T:
        down = (SIDE - 1) * (1 - channel / 255)
        draw.line(list(zip(across.tolist(), down.tolist(), strict=True)), fill="black")
    return picture
