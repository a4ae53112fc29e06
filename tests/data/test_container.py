"""Hostile and damaged containers end in one line, at once, and lead to no other file."""

from __future__ import annotations

import io
import os
import resource
import struct
import zipfile

import h5py
import numpy as np
import pytest

from mpineat.data import memory
from mpineat.data.container import opened
from mpineat.errors import InputError
from tests.data import files

X, Y = files.examples(20, (6, 5), 2)


def npy(header, body=b""):
    text = header if isinstance(header, bytes) else repr(header).encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text) + 1) + text + b"\n" + body


def declared(shape, kind="|u1"):
    return npy({"descr": kind, "fortran_order": False, "shape": shape})


def archive(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(f"{name}.npy", content)
    return path


def whole(path, name="x"):
    with opened(path) as container:
        return container.array(name).whole()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "x: expected a whole .npy array"),
        (b"hello", "x: expected a whole .npy array"),
        (declared((-5, 8)), "x: expected a whole .npy array: shape"),
        (declared((10**12, 8, 8)), "expected 64000000000.* bytes for uint8 .* found"),
        (npy(b"__import__('os').system('true')"), "x: expected a whole .npy array"),
        (npy(b"(" * 900), "x: expected a whole .npy array"),
        (declared((3,)) + b"\0\0", "expected .* bytes"),
    ],
)
def test_an_array_that_is_none_is_refused(tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        whole(archive(tmp_path / "a.npz", x=content))


def test_a_damaged_member_is_refused_whole_or_cut(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=X)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.npz: x: expected a whole \.npy array: Bad CRC-32"):
        whole(path)
    path.write_bytes(content[:300])
    with pytest.raises(InputError, match=r"a\.npz: expected a whole \.npz archive"):
        whole(path)


def test_more_than_the_memory_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "available", lambda: 500)
    buffer = io.BytesIO()
    np.save(buffer, X)
    with pytest.raises(InputError, match=r"a\.npz: x: expected what fits .* 500B, found uint8 "):
        whole(archive(tmp_path / "a.npz", x=buffer.getvalue()))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", (10**11, 8), "u1", chunks=(1000, 8))
    with pytest.raises(InputError, match=r"a\.h5: x: expected what fits .* of 800 GB"):
        whole(tmp_path / "a.h5")


def test_a_limit_of_the_process_counts_as_memory():
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (1 << 44, hard))
        unlimited = memory.available()
        resource.setrlimit(resource.RLIMIT_AS, (64 << 30, hard))
        assert memory.available() <= min(unlimited, 64 << 30)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def external(file):
    file["x"] = h5py.ExternalLink("/etc/passwd", "/x")


def soft(file):
    file["x"] = h5py.SoftLink("/nowhere")


def storage(file):
    file.create_dataset("x", (20, 4), "u1", external=[("/etc/passwd", 0, 80)])


def virtual(file):
    layout = h5py.VirtualLayout((20, 4), "u1")
    layout[:] = h5py.VirtualSource("other.h5", "x", (20, 4))
    file.create_virtual_dataset("x", layout)


def null(file):
    file["x"] = h5py.Empty("u1")


def named_type(file):
    file["x"] = np.dtype("u1")


def reference(file):
    file["z"] = Y
    file["x"] = file["z"].ref


def scalar(file):
    file["x"] = 5


@pytest.mark.parametrize(
    ("fill", "message"),
    [
        (external, "x: leads to another file, '/etc/passwd', which is never opened"),
        (soft, "x: is a soft link to '/nowhere'; name what it leads to in dataset.arrays"),
        (storage, "x: lies in other files, '/etc/passwd', which are never opened"),
        (virtual, "x: lies in other files, 'other.h5', which are never opened"),
        (null, r"x: expected values, found an array without any"),
        (named_type, "x: expected an array, found a named type"),
        (reference, "x: expected numbers or text, found references"),
        (scalar, "x: expected an array, found a single value"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_no_array_of_this_file_is_refused(tmp_path, fill, message):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        fill(file)
    with pytest.raises(InputError, match=message):
        whole(tmp_path / "a.h5")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "found an empty file"),
        (b"\x93NUMPY\x01\x00", "found a single .npy array: .* put both into a folder"),
        (b"MATLAB 5.0 MAT-file, ", "expected a MATLAB file: its order of bytes"),
        (b"\x80\x04", "found a file of Python objects, which are never loaded"),
        (b"label,p0\n1,0\n", "found a text file"),
        (b"\xff\xd8\xff\xe0", "found an image; dataset.name: folder"),
        (b"\x89HDF\r\n\x1a\n" + bytes(90), "expected a whole HDF5 file"),
    ],
)
def test_another_file_is_told_what_it_is(tmp_path, content, message):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        whole(tmp_path / "a.npz")
    assert len(str(caught.value).splitlines()) == 1


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "x.npy")
    with pytest.raises(InputError, match="expected a plain file"):
        whole(tmp_path)
    with pytest.raises(InputError, match="found a pipe or a device"):
        whole(tmp_path / "x.npy")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("packed", [False, True])
def test_older_matlab_files_are_read_too(tmp_path, packed, order):
    from mpineat.data.readers.own_file import OwnFile

    x, y = files.examples(20, (7, 6, 3), 2)
    arrays = {"x": x.transpose(1, 2, 3, 0), "y": y[:, None].astype(float)}
    path = tmp_path / "a.mat"
    path.write_bytes(files.mat_bytes(packed=packed, order=order, **arrays))
    with opened(path) as container:
        assert np.array_equal(container.array("x").whole(), x.transpose(0, 3, 2, 1))
    reader = OwnFile(path)
    assert len(reader.train().y) + len(reader.test().y) == 20
    assert reader.train().x.shape[1:] == (7, 6, 3)
    whole_file = path.read_bytes()
    for end in range(0, len(whole_file) - 1, 97):
        path.write_bytes(whole_file[:end])
        with pytest.raises(InputError):
            OwnFile(path).train()


def test_matlab_files_show_their_own_axes(tmp_path):
    from mpineat.data.readers.own_file import OwnFile

    x, y = files.examples(20, (7, 6, 3), 2)
    path = tmp_path / "a.mat"
    with h5py.File(path, "w", userblock_size=512) as file:
        file["x"], file["y"] = x.transpose(0, 3, 2, 1), y[None].astype(float)
        file["x_test"], file["y_test"] = x.transpose(0, 3, 2, 1), y[None].astype(float)
    with path.open("r+b") as file:
        file.write(b"MATLAB 7.3 MAT-file".ljust(512))
    assert np.array_equal(OwnFile(path).train().x, x)
