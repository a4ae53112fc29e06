"""The YAML door: what it refuses, in which words, and what it reads."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mpineat.config import Config
from mpineat.config.yaml_file import dumps, embedded_config, load, loads, options
from mpineat.errors import InputError

BAD = sorted((Path(__file__).parent / "bad").glob("*.yaml"))
CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad_file_is_refused_in_the_words_of_its_first_lines(path: Path) -> None:
    comments = [line[2:] for line in path.read_text().splitlines() if line.startswith("# {path}")]
    expected = "\n".join(comments).replace("{path}", str(path))
    with pytest.raises(InputError) as caught:
        load(path)
    assert str(caught.value) == expected


def test_the_bad_files_are_found() -> None:
    assert len(BAD) > 10


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_each_shipped_configuration_is_valid(path: Path) -> None:
    override = [] if path.stem == "digits" else ["dataset.path=somewhere"]
    load(path, override)


def test_defaults_are_valid_and_survive_writing() -> None:
    assert loads(dumps(Config())) == Config()


@given(st.floats(1e-12, 1e3), st.integers(1, 500), st.booleans())
def test_written_configuration_reads_back_equal(rate: float, epochs: int, enabled: bool) -> None:
    config = loads(yaml.safe_dump({"training": {"learning_rate": rate, "epochs": epochs}}))
    config = config.model_copy(
        update={"compression": config.compression.model_copy(update={"enabled": enabled})}
    )
    assert loads(dumps(config)) == config


@pytest.mark.parametrize("text", ["1e-9", "1.0e-9", "1E-9", "0.000000001", ".1e-8"])
def test_scientific_notation_is_a_number(text: str) -> None:
    assert loads(f"training: {{learning_rate: {text}}}").training.learning_rate == 1e-9


def test_off_is_a_word_and_false_a_truth() -> None:
    config = loads("training: {mixed_precision: off}\ncompression: {enabled: false}")
    assert config.training.mixed_precision == "off"
    assert config.compression.enabled is False


def test_overrides_win_over_the_file() -> None:
    words = ["training.epochs=3", "search_space.kernel_sizes=[3]", "evolution.mutation.add_node=0"]
    config = loads("training: {epochs: 9}", overrides=words)
    assert config.training.epochs == 3
    assert config.search_space.kernel_sizes == (3,)
    assert config.evolution.mutation.add_node == 0


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("epochs", "command line: 'epochs': expected section.option=value"),
        ("training.=3", "command line: 'training.=3': expected section.option=value"),
        (
            "training.epoch=3",
            "command line: training.epoch: unknown option (did you mean 'epochs'?)",
        ),
        ("training.epochs=[", "command line: training.epochs: '[' is no YAML value"),
        (
            "training.epochs=0",
            "command line: training.epochs: input should be greater than or equal to 1, found 0",
        ),
    ],
)
def test_bad_override_names_the_command_line(word: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        loads("", overrides=[word])
    assert str(caught.value) == message


def test_missing_file_is_named() -> None:
    with pytest.raises(InputError, match=r"nowhere\.yaml: cannot read the configuration: No such"):
        load(Path("nowhere.yaml"))


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        ("", "elastic"),
        ("target_flops: 0.3", "elastic"),
        ("keep_weights: true", "budget"),
        ("target: group_lasso", "budget"),
        ("{epochs: 0.5, rule: elastic}", "elastic"),
    ],
)
def test_who_sets_an_option_of_structure_learning_learns(written: str, rule: str) -> None:
    text = f"compression: {written if written[:1] == '{' else '{' + written + '}'}"
    config = loads(text)
    assert config.compression.rule == rule
    assert loads(dumps(config)) == config


def test_thesis_preset_fills_in_and_gives_way() -> None:
    plain = loads("compression: {preset: thesis}").compression
    assert (plain.rule, plain.threshold_mode, plain.alive_threshold) == (
        "threshold",
        "absolute",
        0.1,
    )
    assert plain.convolutions_only
    other = loads("compression: {preset: thesis, alive_threshold: 0.05}").compression
    assert other.alive_threshold == 0.05


def test_every_option_has_a_meaning() -> None:
    found = list(options())
    assert len(found) > 80
    assert [name for name, _, _, meaning in found if not meaning] == []


def test_embedded_configuration_needs_no_data() -> None:
    assert load(embedded_config()).dataset.name == "digits"
