"""README and docs say what the code says: tables, columns, rooms, floors, options, files, links."""

from __future__ import annotations

import configparser
import json
import re
from dataclasses import fields
from pathlib import Path

import h5py
import pytest

from mpineat import registry
from mpineat.cli import same_data
from mpineat.config import Config, yaml_file
from mpineat.errors import DONE, FAILED, STOPPED, USAGE
from mpineat.phenotype.network import FIELDS
from mpineat.store import directory, now, provenance
from mpineat.store.owner import Owner
from tests.searches import configured, search
from tests.test_readme import COMMANDS, DOCUMENTS, ROOT

PACKAGE = ROOT / "mpineat"
# Files that are called as an option could be.
FILES = (directory.LOCK, same_data.DATASET, "final.py", "final.h5")
RUN_DIRECTORY = (ROOT / "docs" / "run-directory.md").read_text("utf-8")
DESIGN = (ROOT / "docs" / "design.md").read_text("utf-8")


def code(text: str) -> list[str]:
    """Return what stands between single backticks outside of fences."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"^\s*```.*?^\s*```$", "", text, flags=re.M | re.S))


def rows(text: str) -> list[list[str]]:
    """Return the cells of the table rows in a text, header and ruler left out."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines][2:]


def section(text: str, heading: str) -> str:
    """Return what stands below a heading, up to the next one."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", text, re.M | re.S)
    assert found, f"no heading {heading!r}"
    return found[1]


def first_cells(text: str) -> set[str]:
    return {name for row in rows(text) for name in code(row[0])}


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    search(folder, configured(generations=2, evolve_training=True))
    return folder


@pytest.fixture(scope="module")
def generation(run_dir: Path) -> Path:
    return directory.generation_path(run_dir, 1)


def test_run_directory_explains_every_table_and_column(generation: Path) -> None:
    columns: dict[str, set[str]] = {}
    with h5py.File(generation) as file:
        file.visititems(
            lambda name, item: (
                columns.update({name: set(item.dtype.names)})
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    for heading in re.findall(r"^### (`.*)$", RUN_DIRECTORY, re.MULTILINE):
        named = [columns.pop(path) for path in code(heading) if path in columns]
        assert named, f"no table {heading} in {generation.name}"
        explained = first_cells(section(RUN_DIRECTORY, heading))
        assert explained == set().union(*named), heading
    assert not columns, "docs/run-directory.md: a heading for each table, a row for each column"


def test_run_directory_explains_every_attribute(generation: Path) -> None:
    with h5py.File(generation) as file:
        found = set(file.attrs)
    text = section(RUN_DIRECTORY, "generations/generation_0000.h5")
    assert first_cells(text) == found


def test_run_directory_explains_every_file(run_dir: Path) -> None:
    found = {path.name for path in run_dir.iterdir()}
    found |= {directory.JOURNAL_BEFORE, directory.LOCK, directory.PROVENANCE, now.NAME}
    listing = re.search(r"```text\n(.*?)```", RUN_DIRECTORY, re.DOTALL)
    assert listing
    shown = {line.split()[0].rstrip("/") for line in listing[1].splitlines()}
    assert found <= shown


def test_run_directory_explains_the_values_of_the_json_files() -> None:
    entry = {*provenance.describe(), "ended", "end", "evaluated"}
    assert first_cells(section(RUN_DIRECTORY, "provenance.json")) == entry
    owner = {field.name for field in fields(Owner)}
    assert first_cells(section(RUN_DIRECTORY, "run.lock")) == owner
    text = section(RUN_DIRECTORY, "now.json")
    assert first_cells(text) == {field.name for field in fields(now.Now)}
    assert {field.name for field in fields(now.Running)} <= set(code(text))


def test_run_directory_explains_the_lines_of_the_journal(run_dir: Path) -> None:
    example = re.search(r"```json\n(.*?)```", RUN_DIRECTORY, re.DOTALL)
    assert example
    (line, *_) = (run_dir / directory.JOURNAL_BEFORE).read_text().splitlines()
    written, shown = json.loads(line), json.loads(example[1])
    assert shown.keys() == written.keys()
    assert shown["value"].keys() <= written["value"].keys()


@pytest.mark.tensorflow
def test_every_reason_of_failure_is_explained_with_its_fault() -> None:
    table = rows(section(RUN_DIRECTORY, "Reasons of failure"))
    declared = {
        **dict.fromkeys(("gpu_memory", "error"), "candidate"),
        **dict.fromkeys(("killed", "timeout", "lost"), "machine"),
    }
    for name in registry.BUILT_IN["stage"]:
        declared |= registry.load("stage", name).reasons
    assert {code(reason)[0]: fault for reason, fault, _ in table} == declared


def test_design_names_every_room() -> None:
    rooms = {f"{path.parent.name}/" for path in PACKAGE.glob("*/__init__.py")}
    rooms |= {path.name for path in PACKAGE.glob("[a-z]*.py")}
    assert first_cells(section(DESIGN, "Rooms")) == rooms


def test_design_shows_the_floors_of_the_contract() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    shown = re.search(r"```text\n(.*?)```", section(DESIGN, "Floors"), re.DOTALL)
    assert shown
    assert shown[1].split() == setup["importlinter:contract:floors"]["layers"].split()


def test_design_shows_exit_codes_and_layers() -> None:
    tables = {cell for row in rows(section(DESIGN, "Fixed interfaces")) for cell in row[:1]}
    assert {str(number) for number in (DONE, FAILED, USAGE, STOPPED)} <= tables
    assert set(FIELDS) <= first_cells(section(DESIGN, "Fixed interfaces"))


def test_extending_names_every_kind_and_every_example() -> None:
    text = (ROOT / "docs" / "extending.md").read_text("utf-8")
    assert {f"mpineat.{kind}" for kind in registry.BUILT_IN} <= set(code(text))
    examples = {f"examples/{path.name}" for path in (ROOT / "examples").glob("*.py")}
    assert examples <= set(code(text))
    for part in text.split("\n## ")[1:]:
        if part.startswith(("A ", "An ")) and not part.startswith("An option"):
            assert "\n- Example: `" in part, part.partition("\n")[0]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_what_a_document_names_exists(path: Path) -> None:
    text = path.read_text("utf-8")
    named = code(text)
    files = [name for name in named if re.fullmatch(r"[\w.]+/[\w./-]*", name) and is_path(name)]
    assert [name for name in files if not (ROOT / name).exists()] == []

    options = {name for name, *_ in yaml_file.options()}
    options |= {name.rpartition(".")[0] for name in options}
    sections = "|".join(Config.model_fields)
    pattern = rf"((?:{sections})\.[a-z_.]+)(?:=\S+)?"
    wanted = {found[1] for name in named if (found := re.fullmatch(pattern, name))}
    assert {name for name in wanted - options if not name.startswith(FILES)} == set()

    commands = [found[1] for name in named if (found := re.match(r"mpineat ([a-z]+)\b", name))]
    assert set(commands) <= set(COMMANDS)


def is_path(name: str) -> bool:
    """Tell a path of the repository from a table of a generation file."""
    return (ROOT / name.partition("/")[0]).is_dir() and not name.startswith("logs/")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_of_a_document_lead_somewhere(path: Path) -> None:
    text = path.read_text("utf-8")
    links = re.findall(r"\]\(([^)\s]+)\)", text) + re.findall(r'src="([^"]+)"', text)
    for link in links:
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text("utf-8"), re.MULTILINE)
            assert anchor in {slug(heading) for heading in headings}, link


def slug(heading: str) -> str:
    """Return the anchor that a reader of Markdown makes of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
