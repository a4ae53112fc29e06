"""Damages data files of every kind that people bring; each must be read or refused in one line.

Every case runs in a process of its own with a limit of memory and of time, so that a crash of a
library and a hang are seen too.

    python tools/fuzz/data_files.py [--cases 2000] [--seed 0]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import signal
import sys
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
from PIL import Image

from mpineat.config import Dataset
from mpineat.data import shared_cache
from mpineat.data.survey import survey
from mpineat.errors import InputError

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.data import files

SECONDS = 5
MEMORY = 4 << 30
READ, REFUSED, TRACEBACK = 0, 2, 3


def arrays(seed: int) -> dict[str, np.ndarray]:
    """Return forty images with their labels, and a test set."""
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 256, (60, 8, 8, 3), np.uint8), np.arange(60) % 3
    return {"x_train": x[:40], "y_train": y[:40], "x_test": x[40:], "y_test": y[40:]}


def npz(folder: Path) -> Dataset:
    """A plain archive."""
    np.savez(folder / "a.npz", **arrays(0))
    return Dataset(name="file", path=str(folder / "a.npz"))


def packed(folder: Path) -> Dataset:
    """A packed archive of floats, with text as labels."""
    made = arrays(1)
    made |= {name: made[name] / np.float32(255) for name in ("x_train", "x_test")}
    made |= {name: np.array(["cat", "dog", "owl"])[made[name]] for name in ("y_train", "y_test")}
    np.savez_compressed(folder / "a.npz", **made)
    return Dataset(name="file", path=str(folder / "a.npz"))


def objects(folder: Path) -> Dataset:
    """An archive with pickled labels."""
    made = arrays(2)
    made |= {name: made[name].astype(str).astype(object) for name in ("y_train", "y_test")}
    np.savez(folder / "a.npz", allow_pickle=True, **made)
    return Dataset(name="file", path=str(folder / "a.npz"))


def npy(folder: Path) -> Dataset:
    """A folder of .npy files."""
    for name, array in arrays(3).items():
        np.save(folder / f"{name}.npy", array)
    return Dataset(name="file", path=str(folder))


def hdf5(folder: Path, **options: object) -> Dataset:
    """An HDF5 file with groups."""
    with h5py.File(folder / "a.h5", "w", **options) as file:
        for name, array in arrays(4).items():
            word, part = name.split("_")
            file.create_dataset(f"{part}/{word}", data=array, chunks=True, compression="gzip")
    return Dataset(name="file", path=str(folder / "a.h5"))


def matlab(folder: Path) -> Dataset:
    """An HDF5 file as MATLAB writes it: a block in front, axes reversed."""
    path = folder / "a.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in arrays(5).items():
            file[name] = (
                array.transpose(0, 3, 2, 1) if name[0] == "x" else array[None].astype(float)
            )
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(512))
    return Dataset(name="file", path=str(path))


def older_matlab(*, packed: bool) -> Callable[[Path], Dataset]:
    """A file of MATLAB before 7.3; packed, one wrong byte makes most of it unreadable."""

    def write(folder: Path) -> Dataset:
        made = {
            name: array.transpose(1, 2, 3, 0) if name[0] == "x" else array[:, None] * 1.0
            for name, array in arrays(7).items()
        }
        (folder / "a.mat").write_bytes(files.mat_bytes(packed=packed, **made))
        return Dataset(name="file", path=str(folder / "a.mat"))

    write.__name__ = "packed matlab 5" if packed else "matlab 5"
    return write


def folder_of(suffix: str) -> Callable[[Path], Dataset]:
    """A folder a class, of files of one format."""

    def write(folder: Path) -> Dataset:
        made = arrays(6)
        for index, (image, label) in enumerate(zip(made["x_train"], made["y_train"], strict=True)):
            own = folder / "abc"[label]
            own.mkdir(exist_ok=True)
            Image.fromarray(image).save(own / f"{index}{suffix}")
        return Dataset(name="folder", path=str(folder))

    write.__name__ = f"folder of {suffix}"
    return write


def table(folder: Path) -> Dataset:
    """A table of files; the table is what is damaged."""
    folder_of(".png")(folder / "images") if (folder / "images").mkdir() is None else None
    files = sorted((folder / "images").rglob("*.png"))
    rows = [{"file": str(f.relative_to(folder)), "label": f.parent.name} for f in files]
    (folder / "a.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return Dataset(name="folder", path=str(folder / "a.jsonl"))


FORMATS = (".png", ".jpg", ".bmp", ".webp")
KINDS = (
    *(npz, packed, objects, npy, hdf5, matlab, table),
    *(older_matlab(packed=packed) for packed in (False, True)),
    *map(folder_of, FORMATS),
)


def damage(path: Path, draw: random.Random) -> None:
    """Change, cut, lengthen, swap or empty a file."""
    content = bytearray(path.read_bytes())
    how = draw.random()
    if how < 0.6:
        # Headers are what decides: half of the changes hit the first bytes or the last.
        for _ in range(draw.randrange(1, 6)):
            span = draw.choice((128, 2048, len(content)))
            at = draw.randrange(min(span, len(content))) * draw.choice((1, -1))
            content[at] = draw.choice((0, 255, draw.randrange(256)))
    elif how < 0.8:
        del content[draw.randrange(len(content)) :]
    elif how < 0.9:
        at = draw.randrange(len(content))
        content[at:at] = draw.randbytes(draw.randrange(1, 64))
    elif how < 0.95:
        one, other = sorted(draw.randrange(len(content)) for _ in range(2))
        content[one:other] = content[one:other][::-1]
    else:
        content = bytearray(draw.randbytes(draw.choice((0, 1, 8, 600))))
    path.write_bytes(content)


def attempt(options: Dataset, large: int) -> int:
    """Read the data set in a process of its own; return its wait status.

    Args:
        large: Bytes of images above which they are left in files.
    """
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    code = TRACEBACK
    try:
        shared_cache.LARGE = large
        signal.alarm(SECONDS)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        try:
            found = survey(options)
            found.fingerprint()
            list(found.lines())
            code = READ
        except InputError as error:
            code = REFUSED if len(str(error).splitlines()) == 1 else TRACEBACK
        except BaseException:
            traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def main() -> int:
    """Return 0 where every case was read or refused."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    seen: Counter[tuple[str, str]] = Counter()
    for case in range(arguments.cases):
        write = KINDS[case % len(KINDS)]
        draw = random.Random(f"{arguments.seed} {case}")
        with tempfile.TemporaryDirectory() as name:
            options = write(Path(name))
            path = Path(str(options.path))
            files = sorted(f for f in path.rglob("*") if f.is_file()) if path.is_dir() else [path]
            damage(draw.choice(files), draw)
            status = attempt(options, shared_cache.LARGE if draw.random() < 0.5 else 1000)
        word = {READ: "read", REFUSED: "refused"}.get(os.waitstatus_to_exitcode(status), "WRONG")
        seen[write.__name__, word] += 1
        if word == "WRONG":
            print(f"case {case}: {write.__name__}: status {os.waitstatus_to_exitcode(status)}")
    for (kind, word), count in sorted(seen.items()):
        print(f"{kind:<16} {word:<8} {count}")
    return int(any(word == "WRONG" for _, word in seen))


if __name__ == "__main__":
    sys.exit(main())
