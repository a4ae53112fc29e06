"""Small data sets in the official file formats, for the tests."""

from __future__ import annotations

import gzip
import pickle
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

SHAPE = (32, 32, 3)


def examples(
    n: int, shape: tuple[int, ...], classes: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return random images and labels in which every class occurs."""
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (n, *shape), np.uint8), rng.permutation(np.arange(n) % classes)


def idx_bytes(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return header + array.astype(np.uint8).tobytes()


def write_idx(
    folder: Path, *, train: int = 60, test: int = 20, packed: bool = False
) -> dict[str, np.ndarray]:
    """Write the four files of MNIST; return the arrays by file name."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {}
    for part, n in (("train", train), ("t10k", test)):
        x, y = examples(n, (28, 28), 10, seed=n)
        for name, array in ((f"{part}-images-idx3-ubyte", x), (f"{part}-labels-idx1-ubyte", y)):
            arrays[name] = array
            if packed:
                (folder / f"{name}.gz").write_bytes(gzip.compress(idx_bytes(array)))
            else:
                (folder / name).write_bytes(idx_bytes(array))
    return arrays


def cifar_names(classes: int) -> tuple[str, ...]:
    return (
        (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch")
        if classes == 10
        else ("train", "test")
    )


def write_cifar(
    folder: Path, classes: int, *, python: bool = False, n: int = 100
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Write every batch of CIFAR-10 or CIFAR-100; return images and labels by file name."""
    folder.mkdir(parents=True, exist_ok=True)
    batches = {}
    for seed, name in enumerate(cifar_names(classes)):
        x, y = batches[name] = examples(n, SHAPE, classes, seed)
        planes = x.transpose(0, 3, 1, 2).reshape(n, 3072)
        if python:
            key = b"labels" if classes == 10 else b"fine_labels"
            (folder / name).write_bytes(pickle_of_python_2({b"data": planes, key: y.tolist()}))
        else:
            coarse = [] if classes == 10 else [y[:, None] // 5]
            records = np.concatenate([*coarse, y[:, None], planes], axis=1).astype(np.uint8)
            (folder / f"{name}.bin").write_bytes(records.tobytes())
    return batches


def pickle_of_python_2(batch: dict[bytes, object]) -> bytes:
    """Write protocol 2 as Python 2 did: byte strings as str, numpy.core by its old name."""

    def text(value: bytes) -> bytes:
        return b"T" + len(value).to_bytes(4, "little") + value  # BINSTRING

    def number(value: int) -> bytes:
        return b"J" + value.to_bytes(4, "little", signed=True)

    out = b"\x80\x02}("
    for key, value in batch.items():
        out += text(key)
        if isinstance(value, np.ndarray):
            out += (
                b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n"
                + number(0)
                + b"\x85"
                + text(b"b")
                + b"tR"
            )
            out += b"(" + number(1) + b"(" + b"".join(number(n) for n in value.shape) + b"t"
            out += b"cnumpy\ndtype\n(" + text(b"u1") + number(0) + number(1) + b"tR"
            out += b"(" + number(3) + text(b"|") + b"NNN" + number(-1) * 2 + number(0) + b"tb"
            out += b"\x89" + text(value.tobytes()) + b"tb"
        else:
            out += b"](" + b"".join(number(item) for item in value) + b"e"
    return out + b"u."


def pickle_that_runs_code() -> bytes:
    """Return a pickle that would call os.system."""
    return b"\x80\x02cos\nsystem\n(S'true'\ntR."


def pickle_now(value: object) -> bytes:
    return pickle.dumps(value, protocol=4)


def write_jpeg(path: Path, value: int | np.ndarray, *, mode: str = "RGB", size: int = 64) -> None:
    """Write a file of one colour, or of these pixels."""
    if isinstance(value, int):
        value = np.full((size, size), value, np.uint8)
    Image.fromarray(value).convert(mode).save(path, "JPEG", quality=85)


def write_arrays(path: Path, arrays: dict[str, np.ndarray]) -> Path:
    """Write arrays by name: .npz, or a folder of .npy without a suffix, or HDF5."""
    if path.suffix == ".npz":
        np.savez(path, **arrays)
    elif not path.suffix:
        path.mkdir()
        for name, array in arrays.items():
            np.save(path / f"{name}.npy", array)
    else:
        import h5py

        with h5py.File(path, "w") as file:
            for name, array in arrays.items():
                file[name] = array.astype(object) if array.dtype.kind == "U" else array
    return path


def mat_bytes(*, packed: bool, order: str = "<", **arrays: np.ndarray) -> bytes:
    """Return a MATLAB 5 file of arrays of uint8 and float64, as MATLAB's save writes it."""
    mark = b"IM" if order == "<" else b"MI"
    parts = [b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack(f"{order}H", 0x0100) + mark]
    for name, array in arrays.items():
        kind, own = {"uint8": (2, 9), "float64": (9, 6)}[array.dtype.name]
        values = array.astype(array.dtype.newbyteorder(order)).tobytes(order="F")
        content = b"".join(
            struct.pack(f"{order}2I", of, len(part)) + part.ljust(-(-len(part) // 8) * 8, b"\0")
            for of, part in (
                (6, struct.pack(f"{order}2I", own, 0)),
                (5, struct.pack(f"{order}{array.ndim}i", *array.shape)),
                (1, name.encode()),
                (kind, values),
            )
        )
        element = struct.pack(f"{order}2I", 14, len(content)) + content
        if packed:
            element = zlib.compress(element)
            element = struct.pack(f"{order}2I", 15, len(element)) + element
        parts.append(element)
    return b"".join(parts)
