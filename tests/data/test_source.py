"""What dataset.name stands for: built-in readers, installed ones, and the options they take."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mpineat import registry
from mpineat.config import Dataset
from mpineat.data.dataset import describe
from mpineat.data.reader import source
from mpineat.errors import InputError
from tests.installed import ROOT, install, mpineat


def test_the_built_in_readers_have_titles_that_tell_them_apart():
    titles = [source(name).title for name in registry.BUILT_IN["reader"]]
    assert "" not in titles
    assert len({*titles}) == len(titles)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "mnist"}, "dataset.path: data set 'mnist' needs the folder of its images"),
        ({"name": "file"}, "dataset.path: data set 'file' needs the file of its images"),
        (
            {"name": "cifar10", "path": "x", "classes": 5},
            "dataset.classes: data set 'cifar10' does not take it; leave it out",
        ),
    ],
)
def test_options_that_a_reader_does_not_take_are_refused(options, message):
    with pytest.raises(InputError) as caught:
        describe(Dataset(**options))
    assert str(caught.value) == message


def test_a_configuration_imports_no_reader():
    code = (
        "import sys; from mpineat.config.yaml_file import loads;"
        "loads('dataset: {name: file, path: own.npz}');"
        "print([m for m in ('numpy', 'h5py', 'mpineat.data') if m in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert found.stdout == "[]\n"


@pytest.mark.parametrize(
    ("entry_point", "message"),
    [
        (
            "odd = theirs:PLAIN",
            "reader 'odd': expected a mpineat.data.reader.Source from the installed package that "
            "names it, found str",
        ),
        ("odd = theirs:GONE", "reader 'odd': the installed package that names it as theirs:GONE"),
        ("odd = elsewhere:X", "reader 'odd': the installed package that names it as elsewhere:X"),
    ],
)
def test_a_reader_of_an_installed_package_that_is_none_is_named(
    tmp_path: Path, entry_point: str, message: str
) -> None:
    (tmp_path / "theirs.py").write_text("PLAIN = 'no Source'\n")
    environment = install(tmp_path / "site", tmp_path / "theirs.py", reader=entry_point)
    found = mpineat("check", "dataset.name=odd", env=environment)
    assert found.returncode == 2
    assert found.stderr.startswith(f"mpineat: {message}")
    assert len(found.stderr.splitlines()) == 1
