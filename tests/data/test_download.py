"""`mpineat data` fetches with checksums; without a network it says which files to put where."""

from __future__ import annotations

import tarfile

import pytest

from mpineat.data import download
from mpineat.data.readers.cifar import CifarFolder
from mpineat.errors import InputError
from tests.data import files


def archive(tmp_path, name="cifar-10-batches-bin"):
    files.write_cifar(tmp_path / name, 10, n=20)
    path = tmp_path / "made.tar.gz"
    with tarfile.open(path, "w:gz") as content:
        content.add(tmp_path / name, arcname=name)
    return path


def test_an_archive_is_fetched_unpacked_and_readable(tmp_path):
    asked = []

    def get_file(file, **options):
        asked.append((file, options["origin"], options["file_hash"]))
        return str(archive(tmp_path))

    folder = tmp_path / "data"
    lines = list(download.fetch("cifar10", folder, get_file=get_file))
    source = download.SOURCES["cifar10"]
    file = "cifar-10-binary.tar.gz"
    assert asked == [(file, source.address + file, source.files[file])]
    assert lines[-1] == f"ready: dataset.name=cifar10 dataset.path={folder}"
    assert CifarFolder(folder, 10).header().train_examples == 100
    again = list(download.fetch("cifar10", folder, get_file=get_file))
    assert len(asked) == 1
    assert "there already" in again[0]


def test_without_a_network_the_files_are_named(tmp_path):
    def get_file(file, **_):
        raise Exception("URL fetch failure: no network")  # as Keras raises it

    with pytest.raises(InputError) as caught:
        list(download.fetch("mnist", tmp_path, get_file=get_file))
    for file, md5 in download.SOURCES["mnist"].files.items():
        assert file in str(caught.value)
        assert md5 in str(caught.value)
    assert f"put into {tmp_path}, as they are" in str(caught.value)


def test_an_archive_that_leads_out_of_its_folder_is_refused(tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("x")
    path = tmp_path / "evil.tar.gz"
    with tarfile.open(path, "w:gz") as content:
        content.add(outside, arcname="../escaped")
    with pytest.raises(InputError, match="expected files inside the archive's own folder"):
        list(download.fetch("cifar10", tmp_path / "data", get_file=lambda *_, **__: str(path)))
    assert not (tmp_path / "escaped").exists()


def test_unknown_names_are_answered_with_the_known():
    with pytest.raises(InputError, match="expected one of digits, mnist"):
        list(download.fetch("imagenet", None))
