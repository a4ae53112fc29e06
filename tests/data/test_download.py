"""`mpineat data` fetches with checksums; without a network it says which files to put where."""

from __future__ import annotations

import hashlib
import http.server
import sys
import tarfile
import threading
import zipfile
from dataclasses import replace

import pytest

from mpineat.data import download
from mpineat.data.reader import OfficialFiles, source
from mpineat.data.readers.cifar import CifarFolder
from mpineat.errors import InputError
from tests.data import files
from tests.installed import mpineat

MARKER = "cifar-10-batches-bin/test_batch.bin"


class Server(http.server.ThreadingHTTPServer):
    """Serves `contents` by name on loopback; a list is served one answer after another."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answers)
        self.contents = {}
        self.asked = []

    @property
    def address(self):
        return f"http://127.0.0.1:{self.server_port}/"


class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        name = self.path[1:]
        self.server.asked.append(name)
        content = self.server.contents.get(name)
        if isinstance(content, list):
            content = content.pop(0) if len(content) > 1 else content[0]
        if content is None:
            self.send_error(503)
            return
        size, content = content if isinstance(content, tuple) else (len(content), content)
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "127.0.0.1")
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(download, "RETRIES", 0)


def offered(server, unpacked=None, **contents):
    """Offer files, `_` for `.` in their names; return what `fetch_files` takes."""
    contents = {name.replace("_", "."): content for name, content in contents.items()}
    server.contents |= contents
    md5 = {name: hashlib.md5(content).hexdigest() for name, content in contents.items()}
    return OfficialFiles(address=server.address, md5=md5, unpacked=unpacked)


def archive(tmp_path):
    files.write_cifar(tmp_path / "made", 10, n=20)
    path = tmp_path / "made.tar.gz"
    with tarfile.open(path, "w:gz") as content:
        content.add(tmp_path / "made", arcname="cifar-10-batches-bin")
    return path.read_bytes()


def test_an_archive_is_fetched_unpacked_and_readable(tmp_path, server):
    official = offered(server, MARKER, made_tar_gz=archive(tmp_path))
    folder = tmp_path / "data"
    lines = list(download.fetch_files(official, folder))
    assert server.asked == ["made.tar.gz"]
    assert lines == [
        f"{folder / 'made.tar.gz'}: MD5 {official.md5['made.tar.gz']} as published",
        f"{folder / MARKER}: unpacked",
    ]
    assert CifarFolder(folder, 10).header().train_examples == 100
    assert list(download.fetch_files(official, folder)) == [f"{folder / MARKER}: there already"]
    assert server.asked == ["made.tar.gz"]
    assert {path.name for path in folder.iterdir()} == {"made.tar.gz", "cifar-10-batches-bin"}


def test_a_zip_archive_is_unpacked_too(tmp_path, server):
    with zipfile.ZipFile(tmp_path / "made.zip", "w") as content:
        content.writestr("tiny/wnids.txt", "n01\n")
    official = offered(server, "tiny/wnids.txt", made_zip=(tmp_path / "made.zip").read_bytes())
    list(download.fetch_files(official, tmp_path / "data"))
    assert (tmp_path / "data/tiny/wnids.txt").read_text() == "n01\n"


def test_what_is_there_with_its_checksum_is_not_fetched_again(tmp_path, server):
    official = offered(server, a=b"first", b=b"second")
    (tmp_path / "a").write_bytes(b"first")
    (tmp_path / "b").write_bytes(b"sec")  # left by another program, cut
    list(download.fetch_files(official, tmp_path))
    assert server.asked == ["b"]
    assert (tmp_path / "b").read_bytes() == b"second"


def test_a_refusal_and_a_cut_transfer_are_tried_again(tmp_path, server):
    official = offered(server, a=b"whole")
    server.contents["a"] = [None, (5, b"who"), b"whole"]
    list(download.fetch_files(official, tmp_path))
    assert (tmp_path / "a").read_bytes() == b"whole"
    assert len(server.asked) == 3


@pytest.mark.usefixtures("impatient")
def test_another_content_is_refused_and_leaves_nothing(tmp_path, server):
    official = offered(server, a=b"whole")
    server.contents["a"] = b"other"
    with pytest.raises(InputError, match=r"cannot fetch http://127.*/a: MD5 hash of .* not match"):
        list(download.fetch_files(official, tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("impatient")
def test_without_a_network_the_files_are_named(tmp_path, server):
    official = source("mnist").official
    with pytest.raises(InputError) as caught:
        list(download.fetch_files(replace(official, address=server.address), tmp_path))
    for file, md5 in official.md5.items():
        assert f"{server.address}{file}  (MD5 {md5})" in str(caught.value)
    assert f"put into {tmp_path}, as they are" in str(caught.value)


def test_without_pooch_its_extra_and_the_files_are_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(InputError) as caught:
        list(download.fetch("cifar10", tmp_path))
    assert "this needs pooch, which the extra 'data' installs" in str(caught.value)
    assert "cifar-10-binary.tar.gz  (MD5 c32a1d4ab5d03f1284b67883e8d87530)" in str(caught.value)
    assert f"put into {tmp_path}, and unpack it there" in str(caught.value)


def test_an_archive_that_leads_out_of_its_folder_is_refused(tmp_path, server):
    outside = tmp_path / "outside"
    outside.write_text("x")
    path = tmp_path / "evil.tar.gz"
    with tarfile.open(path, "w:gz") as content:
        content.add(outside, arcname="../escaped")
    official = offered(server, MARKER, evil_tar_gz=path.read_bytes())
    with pytest.raises(InputError, match="expected files inside the archive's own folder"):
        list(download.fetch_files(official, tmp_path / "data"))
    assert not list(tmp_path.rglob("escaped"))
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["evil.tar.gz"]


def test_a_folder_that_somebody_unpacked_by_half_is_not_touched(tmp_path, server):
    official = offered(server, MARKER, made_tar_gz=archive(tmp_path))
    half = tmp_path / "data" / "cifar-10-batches-bin" / "data_batch_1.bin"
    half.parent.mkdir(parents=True)
    half.write_bytes(b"half")
    with pytest.raises(InputError, match=r"cifar-10-batches-bin: .* remove it, then fetch again"):
        list(download.fetch_files(official, tmp_path / "data"))
    assert half.read_bytes() == b"half"
    assert server.asked == []


def test_the_command_tells_names_that_have_nothing_to_fetch():
    assert mpineat("data", "digits", "x").stdout.startswith("digits: comes with the package")
    own, unknown = mpineat("data", "file", "x"), mpineat("data", "imagenet", "x")
    assert own.returncode == unknown.returncode == 2
    assert "data set 'file': has no official files" in own.stderr
    assert "'imagenet': unknown; known are digits, mnist, fashion_mnist" in unknown.stderr
