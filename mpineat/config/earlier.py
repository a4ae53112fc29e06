"""The configuration in a run directory, which another version of mpineat may have written.

A user's own file is read strictly: an unknown option is a slip. A run directory's is resolved: it
holds every option that its version had. What it has beyond ours is left out and said, so that the
run can be looked at; what it lacks is newer than the run and takes the value that did the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mpineat import __version__
from mpineat.config import Config, yaml_file, yaml_text
from mpineat.config.difference import flat
from mpineat.config.yaml_text import Document, Key

# Option -> what runs did before there was this option; for those whose default does something else.
BEFORE: Mapping[str, Any] = {
    "final.candidates": 0,
    "evolution.avoid_repeats": False,
    "evolution.misfit_fitness": "ignore",
    "evolution.early_discarding": "none",
    "evolution.screen_epochs": 1,
    "training.onednn": "tensorflow",
    "recipe.augment": "search",
    "recipe.measure_norms": False,
}
# Options that such runs had, whose default is another one now.
OTHER_DEFAULTS = (
    "compression.rule",
    "compression.target_flops",
    "evolution.modules",
    "evolution.blueprints",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What a run directory says of its configuration.

    Attributes:
        lacking: Options whose default is not what the run was begun with, with its values: those of
            BEFORE that were not there, and where there are any, OTHER_DEFAULTS.
        unknown: Full name -> "file:line" of each option that this version does not have.
    """

    config: Config
    lacking: Mapping[str, Any]
    unknown: Mapping[str, str]

    @property
    def problems(self) -> tuple[str, ...]:
        """A sentence for each option that was left out."""
        lacks = f"left out: mpineat {__version__} has no such option; the run is another version's"
        return tuple(f"{place}: {name}: {lacks}" for name, place in self.unknown.items())


def load(path: Path) -> Recorded:
    """Read the configuration of a run directory.

    Raises:
        InputError: It cannot be read, is no YAML, or an option has a value that it cannot have.
    """
    return loads(yaml_text.read(path, linked=False), str(path))


def loads(text: str, where: str) -> Recorded:
    """Read the configuration that a generation's file holds. Raises as `load`."""
    written = yaml_text.parse(text, where)
    unknown = {
        ".".join(key): written.places.get(key, where) for key in _take_unknown(written.values)
    }
    lacking = fill(written, BEFORE)
    config = yaml_file.validate(written, where)
    if lacking:
        values = flat(config)
        lacking |= {name: values[name] for name in OTHER_DEFAULTS}
    return Recorded(config=config, lacking=lacking, unknown=unknown)


def load_user(path: Path, words: Sequence[str], lacking: Mapping[str, Any]) -> Config:
    """Read the user's own configuration of a run that began before there were some options.

    Args:
        lacking: Options of which the user need not say what they were. Raises as `yaml_file.load`.
    """
    written = yaml_file.written(yaml_text.read(path), str(path), words)
    fill(written, lacking)
    return yaml_file.validate(written, str(path), path.parent)


def fill(written: Document, values: Mapping[str, Any]) -> dict[str, Any]:
    """Set those options that were not written; return them."""
    filled = {}
    for name, value in values.items():
        *sections, option = name.split(".")
        inner: Any = written.values
        for section in sections:
            inner = inner.setdefault(section, {}) if isinstance(inner, dict) else None
        if isinstance(inner, dict) and option not in inner:
            inner[option] = filled[name] = value
    return filled


def _take_unknown(values: dict[str, Any], section: Any = Config, key: Key = ()) -> Iterator[Key]:
    """Take out what `section` has no options for, and yield its full names."""
    for name in list(values):
        field = section.model_fields.get(name)
        if field is None:
            del values[name]
            yield (*key, str(name))
        elif yaml_file.is_section(field.annotation) and isinstance(values[name], dict):
            yield from _take_unknown(values[name], field.annotation, (*key, name))
