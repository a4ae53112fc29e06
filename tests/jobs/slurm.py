"""A real Slurm of two nodes on loopback, without systemd, all in one folder."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.jobs.searches import JOBS, ROOT, environment

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scancel", "scontrol", "squeue", "srun")
UNDER_WAY = {"PENDING", "RUNNING", "COMPLETING", "REQUEUED", "SIGNALING"}
START_SECONDS = 30.0

# A node claims the cores and GPUs that the job files ask for, whatever the machine has.
# Credentials expire soon: Slurm starts a requeued job only when those of its first run have.
SLURM_CONF = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmdPort={node_port}
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock,cred_expire=5
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
TmpFS={folder}/tmp-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd-%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,bf_interval=1
SlurmdParameters=config_overrides
ReturnToService=2
KillWait=5
MinJobAge=86400
MpiDefault=none
GresTypes=gpu
{nodes}
PartitionName=test Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""

# Any device files pass for GPUs: nothing opens them.
GRES_CONF = """\
Name=gpu File=/dev/null
Name=gpu File=/dev/zero
"""

# Slurm's pmi2 sometimes misreads the long addresses of MPICH's other network, UCX: all ranks hang.
SHORT = {"MPIR_CVAR_CH4_NETMOD": "ofi"}

# A node of its own name: what runs there takes itself for a host of its own.
ON_A_HOST = ("unshare", "--uts", "--mount", "sh", "-c")
AS_HOST = 'mount --bind "$0" /etc/hosts && hostname "$1" && shift && exec "$@"'


def missing() -> str:
    """Say why no Slurm can be started here; empty when one can."""
    absent = [name for name in PROGRAMS if _find(name) is None]
    if absent:
        return f"{', '.join(absent)} not installed (Debian: slurm-wlm, munge)"
    return "" if os.geteuid() == 0 else "its daemons need root"


def lacks_two_nodes() -> bool:
    """Tell whether this machine lets nobody name hosts, as in many containers: one node then."""
    if shutil.which("unshare") is None:
        return True
    return subprocess.run([*ON_A_HOST, ":"], capture_output=True, check=False).returncode != 0


@dataclass(frozen=True)
class Slurm:
    """A running cluster; `environment` is what its commands need."""

    environment: Mapping[str, str]
    folder: Path

    def sbatch(self, script: Path, *options: str, cwd: Path, environment: Mapping[str, str]) -> str:
        """Submit a script and return the job's number."""
        words = [_find("sbatch"), "--parsable", *options, str(script)]
        return self._run(words, cwd=cwd, env={**self.environment, **environment}).strip()

    def srun(self, *words: str, cwd: Path, seconds: float) -> subprocess.CompletedProcess[str]:
        """Run a command by srun and return what it said."""
        return subprocess.run(
            [_find("srun"), *words], cwd=cwd, env={**self.environment, **SHORT}, timeout=seconds,
            text=True, capture_output=True, check=False,
        )  # fmt: skip

    def job(self, number: str) -> dict[str, str]:
        """Return what `scontrol show job` knows: JobState, Restarts, ExitCode, ..."""
        text = self._run([_find("scontrol"), "--oneliner", "show", "job", number])
        return dict(word.split("=", 1) for word in text.split() if "=" in word)

    def wait(self, number: str, seconds: float) -> dict[str, str]:
        """Wait until the job is over and return what is known of it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            job = self.job(number)
            if job["JobState"] not in UNDER_WAY:
                return job
            time.sleep(0.2)
        raise TimeoutError(f"after {seconds} s: {job}")

    def cancel(self, number: str) -> None:
        """Kill a job that is still under way: its processes would outlive the cluster."""
        if self.job(number)["JobState"] in UNDER_WAY:
            self._run([_find("scancel"), "--full", "--signal=KILL", number])
            self.wait(number, seconds=30)

    def _run(self, words: list[str], **settings: object) -> str:
        settings.setdefault("env", dict(self.environment))
        return subprocess.run(
            words, check=True, text=True, stdout=subprocess.PIPE, **settings
        ).stdout


@dataclass(frozen=True)
class Submitted:
    """A job under way: jobs/cifar10.slurm with a time limit of a minute."""

    cluster: Slurm
    number: str
    run_dir: Path
    log: Path


@contextmanager
def submitted(folder: Path) -> Iterator[Submitted]:
    """Start a cluster, submit a search that its time limit stops, and keep both until the end."""
    run_dir, log = folder / "run", folder / "log"
    # Slurm warns between 5 and 35 seconds after the start: 18 candidates a worker last longer.
    variables = environment(run_dir, first_seconds=3)
    options = ("--time=1", "--signal=B:USR2@25", f"--output={log}")
    with start() as cluster:
        number = cluster.sbatch(JOBS / "cifar10.slurm", *options, cwd=ROOT, environment=variables)
        try:
            yield Submitted(cluster, number, run_dir, log)
        finally:
            cluster.cancel(number)


@contextmanager
def start() -> Iterator[Slurm]:
    """Start the daemons, wait until the node is idle, and stop them at the end."""
    # Sockets have short names: pytest's folders are too deep for them.
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))
    host = os.uname().nodename.partition(".")[0]
    nodes = [host] if lacks_two_nodes() else ["node01", "node02"]
    (folder / "state").mkdir()
    for kind in ("spool", "tmp"):
        for node in nodes:
            (folder / f"{kind}-{node}").mkdir()
    folder.chmod(0o755)
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o400)
    port = 20000 + os.getpid() % 10000
    addresses = {node: f"127.0.0.{number}" for number, node in enumerate(nodes, 1)}
    lines = [
        f"NodeName={node} NodeAddr={address} CPUs=32 Gres=gpu:2 State=UNKNOWN"
        for node, address in addresses.items()
    ]
    settings = {"host": host, "folder": folder, "port": port, "node_port": port + 10000}
    settings["nodes"] = "\n".join(lines)
    hosts = folder / "hosts"
    known = "".join(f"{address} {node}\n" for node, address in addresses.items())
    hosts.write_text(known + Path("/etc/hosts").read_text())
    (folder / "slurm.conf").write_text(SLURM_CONF.format(**settings))
    (folder / "gres.conf").write_text(GRES_CONF)
    environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}
    slurm = Slurm(environment, folder)
    try:
        munge = [
            f"--socket={folder}/munge.sock",
            f"--key-file={key}",
            f"--pid-file={folder}/munged.pid",
            f"--log-file={folder}/munged.log",
            f"--seed-file={folder}/munged.seed",
        ]
        subprocess.run([_find("munged"), "--force", *munge], check=True)
        subprocess.run([_find("slurmctld"), "-c"], check=True, env=environment)
        for node in nodes:
            words = [_find("slurmd"), "-c", "-N", node]
            if len(nodes) > 1:
                words = [*ON_A_HOST, AS_HOST, str(hosts), node, *words]
            subprocess.run(words, check=True, env=environment)
        _wait_for_idle(slurm, len(nodes))
        yield slurm
    finally:
        _stop(folder)


def _wait_for_idle(slurm: Slurm, nodes: int) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        words = [_find("sinfo"), "--noheader", "--Node", "--format=%T"]
        found = subprocess.run(words, env=slurm.environment, text=True, capture_output=True)
        if found.stdout.split().count("idle") == nodes:
            return
        time.sleep(0.1)
    logs = "\n".join(path.read_text() for path in slurm.folder.glob("slurm*.log"))
    raise TimeoutError(
        f"no idle nodes after {START_SECONDS} s: {found.stdout}{found.stderr}\n{logs}"
    )


def _stop(folder: Path) -> None:
    for path in (*folder.glob("slurmd-*.pid"), folder / "slurmctld.pid", folder / "munged.pid"):
        with suppress(OSError, ValueError):
            pid = int(path.read_text())
            os.kill(pid, signal.SIGTERM)
            for _ in range(50):
                # Orphans stay zombies where init reaps none.
                if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                    break
                time.sleep(0.1)
    shutil.rmtree(folder, ignore_errors=True)


def _find(program: str) -> str | None:
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
