"""A reader of your own: binary .pgm images in the folders train/CLASS/ and test/CLASS/.

Beside it, in pyproject.toml:

    [project]
    name = "pgm-reader"
    version = "1.0"

    [project.entry-points."mpineat.reader"]
    pgm = "reader:PGM"

After `pip install .` there, `mpineat check dataset.name=pgm dataset.path=faces` reads them, and so
does every other command.
"""

import re
from pathlib import Path

import numpy as np

from mpineat.data.reader import Header, Source, Split, location
from mpineat.errors import InputError


class PgmFolders:
    """Grey images of one size; a label is the place of the class's name in their order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.classes = sorted({path.parent.name for path in self._files("train")})

    def header(self) -> Header:
        """Read one image; count the others."""
        files = self._files("train")
        return Header(_image(files[0]).shape, len(self.classes), len(files))

    def train(self) -> Split:
        """Read all of train/."""
        return self._read("train")

    def test(self) -> Split:
        """Read all of test/."""
        return self._read("test")

    def _files(self, part: str) -> list[Path]:
        if found := sorted((self.folder / part).glob("*/*.pgm")):
            return found
        raise InputError(f"{self.folder / part}: expected CLASS/*.pgm, found none")

    def _read(self, part: str) -> Split:
        files = [path for path in self._files(part) if path.parent.name in self.classes]
        labels = [self.classes.index(path.parent.name) for path in files]
        return Split(np.stack([_image(path) for path in files]), np.array(labels, np.int32))


def _image(path: Path) -> np.ndarray:
    content = path.read_bytes()
    start = re.match(rb"P5\s+(\d+)\s+(\d+)\s+255\s", content)
    if start is None or len(content) != start.end() + int(start[1]) * int(start[2]):
        raise InputError(f"{path}: expected one whole .pgm image, binary and of 8 bits")
    pixels = np.frombuffer(content, np.uint8, offset=start.end())
    return pixels.reshape(int(start[2]), int(start[1]), 1)


PGM = Source(title="PGM images", open=lambda options: PgmFolders(location(options)))
