"""The job files, kept and made, as texts: the shell accepts them; they ask for what they need."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from mpineat import registry
from mpineat.cli import main
from tests.jobs import bsub_standin, qsub_standin
from tests.jobs.searches import JOBS, ROOT

LSF = sorted(JOBS.glob("*.lsf"))
SLURM = sorted(JOBS.glob("*.slurm"))
EXPORTS = [path for path in (*LSF, *SLURM) if "export" in path.name]  # of one process on one GPU
PBS = sorted(JOBS.glob("*.pbs"))
SHARED = sorted(JOBS.glob("*.sh"))
SYSTEMS = tuple(registry.BUILT_IN["batch_system"])
CONFIG = "configs/cifar10.yaml"
RANKS = 3
# Kept file -> the words by which the command `job` makes the same, but for its comments.
MADE = {
    "polus_cifar10.lsf": (
        "lsf", "--queue", "normal", "--cores-per-node", "20", "--run-dir", "runs/polus_cifar10",
    ),
    "cifar10.slurm": ("slurm",),
    "cifar10.pbs": ("pbs",),
    "polus_export.lsf": ("lsf", "--queue", "normal", "--cores-per-node", "10"),
    "export.slurm": ("slurm", "--cores-per-node", "8"),
}  # fmt: skip


def name(path: Path) -> str:
    return path.name


@pytest.fixture(autouse=True)
def in_the_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def make(
    capsys: pytest.CaptureFixture[str], system: str, *options: str, config: str = CONFIG
) -> str:
    assert main.main(["job", config, "--system", system, *options]) == 0
    return capsys.readouterr().out


def sbatch_options(text: str) -> dict[str, str]:
    return dict(re.findall(r"^#SBATCH --([\w-]+)=?(.*)$", text, re.MULTILINE))


def told(text: str) -> list[str]:
    """Return the directives and commands, without comments."""
    lines = (re.sub(r" # .*", "", line).rstrip() for line in text.splitlines())
    return [line for line in lines if line and not re.match(r"#( |$)", line)]


@pytest.mark.parametrize("kept", MADE)
def test_the_annotated_example_is_what_the_command_makes(
    capsys: pytest.CaptureFixture[str], kept: str
) -> None:
    run_dir = {"polus_export.lsf": "runs/polus_cifar10", "export.slurm": "runs/cifar10"}.get(kept)
    words = (CONFIG,) if run_dir is None else ("--export", run_dir)
    assert main.main(["job", *words, "--system", *MADE[kept]]) == 0
    assert told((JOBS / kept).read_text()) == told(capsys.readouterr().out)


@pytest.mark.parametrize("path", LSF + SLURM + PBS + SHARED, ids=name)
def test_bash_can_parse(path: Path) -> None:
    subprocess.run(["bash", "-n", str(path)], check=True)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not installed")
def test_shellcheck_has_nothing_to_say(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = [str(path) for path in LSF + SLURM + PBS + SHARED]
    for system in SYSTEMS:
        path = tmp_path / f"it's a {system} job"
        config = tmp_path / "my config.yaml"
        shutil.copy(ROOT / CONFIG, config)
        make(capsys, system, "--nodes", "2", "--hours", "48", "-o", str(path), config=str(config))
        files.append(str(path))
        files.append(str(tmp_path / f"export.{system}"))
        words = ["--export", "runs/it's mine", "--system", system, "-o", files[-1]]
        assert main.main(["job", *words]) == 0
    found = subprocess.run(["shellcheck", "-x", *files], text=True, stdout=subprocess.PIPE)
    assert found.stdout == ""


@pytest.mark.parametrize("path", LSF, ids=name)
def test_lsf_job_is_warned_in_time_and_requeued_on_75(path: Path) -> None:
    request = bsub_standin.parse(path.read_text(), [])

    assert request.requeue_codes == {75}
    assert request.options["wa"] == "USR2"
    assert request.minutes("wt") == 5
    assert request.options["R"] == "span[hosts=1]"
    if path in EXPORTS:
        assert "num=1:" in request.options["gpu"]
        return
    assert request.slots >= RANKS
    assert f"num={RANKS - 1}:" in request.options["gpu"]
    assert f"ranks=${{MPINEAT_RANKS:-{RANKS}}}" in path.read_text()


@pytest.mark.parametrize("path", SLURM, ids=name)
def test_slurm_job_is_warned_in_time_and_may_be_requeued(path: Path) -> None:
    options = sbatch_options(path.read_text())

    assert "requeue" in options
    assert options["signal"] == "B:USR2@300"
    assert options["open-mode"] == "append"
    ranks = 1 if path in EXPORTS else RANKS
    assert options["ntasks"] == str(ranks)
    assert options["gres"] == f"gpu:{max(1, ranks - 1)}"


def test_nodes_have_as_many_workers_as_gpus_and_the_first_one_rank_0_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ("--nodes", "3", "--gpus-per-node", "4", "--cores-per-node", "40", "--hours", "1.5")
    lsf, slurm, pbs = (make(capsys, system, *words) for system in ("lsf", "slurm", "pbs"))

    request = bsub_standin.parse(lsf, [])
    assert (request.slots, request.options["R"]) == (120, "span[ptile=40]")
    assert (request.minutes("W"), request.options["gpu"][:6]) == (90, "num=4:")
    options = sbatch_options(slurm)
    assert [options[name] for name in ("nodes", "ntasks", "gres")] == ["3", "13", "gpu:4"]
    assert (options["cpus-per-task"], options["time"]) == ("8", "1:30:00")
    node = "ncpus=40:ngpus=4:mpiprocs="
    assert qsub_standin.parse(pbs)["l"] == [
        f"select=1:{node}5+2:{node}4", "place=scatter", "walltime=1:30:00"
    ]  # fmt: skip
    for text in (lsf, slurm, pbs):
        assert "ranks=${MPINEAT_RANKS:-13}\nnodes=3\n" in text


@pytest.mark.parametrize("system", SYSTEMS)
def test_without_gpus_a_node_has_one_worker_and_none_is_asked_for(
    capsys: pytest.CaptureFixture[str], system: str
) -> None:
    text = make(capsys, system, "--gpus-per-node", "0")
    assert "gpu" not in text.lower()
    assert "MPINEAT_RANKS:-2" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([CONFIG], "expected --system lsf|slurm|pbs"),
        ([CONFIG, "--system", "lsf", "--nodes", "0"], "--nodes 0: expected 1 to"),
        ([CONFIG, "--system", "lsf", "--gpus-per-node", "-1"], "--gpus-per-node -1: expected 0 to"),
        ([CONFIG, "--system", "pbs", "--name", "a\n#PBS -M x"], "expected letters, digits"),
        ([CONFIG, "--system", "lsf", "--queue", "a b"], "expected letters, digits"),
        ([CONFIG, "--system", "lsf", "--hours", "nan"], "at least 10 minutes"),
        ([CONFIG, "--system", "lsf", "--hours", "0.1"], "at least 10 minutes"),
        (["nowhere.yaml", "--system", "lsf"], "nowhere.yaml"),
        ([CONFIG, "--system", "lsf", "-o", "/nowhere/job"], "/nowhere/job: cannot be written"),
        ([CONFIG, "--system", "lsf", "--run-dir", "a\nb"], "printable"),
        ([], "expected CONFIG"),
        ([CONFIG, "--export", "runs/a", "--system", "lsf"], "one of them"),
        (["--export", "runs/a", "--hours", "0.1", "--system", "lsf"], "at least 10 minutes"),
    ],
)
def test_a_wrong_request_is_refused(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main.main(["job", *words]) == 2
    said = capsys.readouterr()
    assert message in said.err
    assert said.out == ""


def test_who_has_no_checkout_gets_the_files_that_jobs_source(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "my jobs"
    words = ("--files", str(folder))
    assert f"source '{folder}'/site.sh\n" in make(capsys, "slurm", *words)
    assert (folder / "search.sh").read_text() == (JOBS / "search.sh").read_text()
    (folder / "site.sh").write_text("edited")
    assert main.main(["job", *words]) == 0
    assert f"{folder}/site.sh: there already" in capsys.readouterr().out
    assert (folder / "site.sh").read_text() == "edited"


def test_who_has_no_checkout_gets_the_configurations(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main.main(["job", "--configs", str(tmp_path / "mine")]) == 0
    ours = sorted((ROOT / "configs").iterdir())
    written = sorted((tmp_path / "mine").iterdir())
    assert [path.name for path in written] == [path.name for path in ours]
    assert [path.read_text() for path in written] == [path.read_text() for path in ours]
    assert capsys.readouterr().out.count("wrote ") == len(ours)


@pytest.mark.parametrize("path", LSF + SLURM + PBS, ids=name)
def test_submit_line_in_the_comment_names_the_file(path: Path) -> None:
    submit = registry.load("batch_system", path.suffix[1:]).submit
    assert f"{submit} jobs/{path.name}" in path.read_text()


def test_arrays_have_two_tasks_for_each_seed() -> None:
    lsf = (JOBS / "polus_experiment.lsf").read_text()
    batch = (JOBS / "experiment.slurm").read_text()
    (seeds,) = set(re.findall(r"--seeds (\d+)", lsf + batch))
    tasks = 2 * int(seeds)

    assert bsub_standin.parse(lsf, []).indices == range(1, tasks + 1)
    assert sbatch_options(batch)["array"].startswith(f"1-{tasks}%")


def test_an_export_is_one_process_on_one_gpu(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--export", "runs/a", "--nodes", "3", "--gpus-per-node", "4", "--system"]
    assert main.main(["job", *words, "pbs"]) == 0
    text = capsys.readouterr().out
    assert qsub_standin.parse(text)["l"][0] == "select=1:ncpus=18:ngpus=1:mpiprocs=1"
    assert 'run_export "$run_dir" "$output"' in text
    assert "MPINEAT_RUN_DIR:-runs/a}" in text


@pytest.mark.parametrize(
    "path", [path for path in LSF + SLURM + PBS if path not in EXPORTS], ids=name
)
def test_configuration_is_there(path: Path) -> None:
    default = re.search(r"MPINEAT_CONFIG:-(\S+?)\}", path.read_text())
    assert default
    config = default[1].replace("$dataset", "cifar10")
    assert (JOBS.parent / config).exists()
