"""Which GPU and which cores each worker's child gets: gathered from all ranks, shared on rank 0."""

from __future__ import annotations

import ctypes
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mpineat.wire import Count, FileName, Line, Positive, Series

EXCLUSIVE_PROCESS = 3  # nvmlComputeMode_t
PROHIBITED = 2
UUID_BYTES = 96
CONTEXT_MB = 600  # a CUDA context's own memory, outside what a framework may be limited to


class _Memory(ctypes.Structure):
    """nvmlMemory_t, in bytes."""

    _fields_ = (
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One GPU as the driver reports it.

    Attributes:
        mode: nvmlComputeMode_t.
        memory_mb: All its memory, in MiB; 0: unknown.
    """

    uuid: Line
    mode: Count = 0
    memory_mb: Count = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What a rank finds around itself.

    Attributes:
        leader: Lowest rank on the same node, from MPI.
        visible: CUDA_VISIBLE_DEVICES as the batch system, jsrun or mpirun set it; None: not set.
        gpus: All GPUs of the node, in the driver's order.
        cores: Cores that this rank may run on.
        node_cores: Cores of the node that are online.
    """

    rank: Count
    host: Line
    leader: Count
    visible: FileName | None = None  # a variable's value, which need not be UTF-8 either
    gpus: Series[Gpu] = ()
    cores: Series[Count] = ()
    node_cores: Positive = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What one worker's child may use.

    Attributes:
        gpu: Value for CUDA_VISIBLE_DEVICES; None: no GPU.
        gpu_memory_mb: Most of the GPU's memory that it may use, where several workers share it.
        idle: Why the worker must not work; "" when it may.
    """

    gpu: str | None = None
    gpu_memory_mb: int | None = None
    cores: tuple[int, ...] = ()
    idle: str = ""

    def name(self) -> str:
        """Return a name for the log, until the child tells the device's own."""
        if self.gpu is not None:
            return f"GPU {self.gpu}"
        return f"{len(self.cores)} core{'s'[: len(self.cores) != 1]}"


def look_around(rank: int, host: str, leader: int) -> Node:
    """Return what this process has; creates no CUDA context and loads no framework."""
    return Node(
        rank=rank,
        host=host,
        leader=leader,
        visible=os.environ.get("CUDA_VISIBLE_DEVICES"),
        gpus=find_gpus(),
        cores=tuple(sorted(os.sched_getaffinity(0))),
        node_cores=os.cpu_count() or 1,
    )


def find_gpus() -> tuple[Gpu, ...]:
    """Ask NVIDIA's management library (NVML) for this node's GPUs; () without driver or GPU."""
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return ()
    return _ask(nvml)


def _ask(nvml: Any) -> tuple[Gpu, ...]:
    if nvml.nvmlInit_v2() != 0:
        return ()
    found = []
    try:
        count = ctypes.c_uint()
        if nvml.nvmlDeviceGetCount_v2(ctypes.byref(count)) != 0:
            return ()
        for index in range(count.value):
            device, mode, memory = ctypes.c_void_p(), ctypes.c_int(), _Memory()
            uuid = ctypes.create_string_buffer(UUID_BYTES)
            if nvml.nvmlDeviceGetHandleByIndex_v2(index, ctypes.byref(device)) != 0:
                continue
            nvml.nvmlDeviceGetUUID(device, uuid, UUID_BYTES)
            nvml.nvmlDeviceGetComputeMode(device, ctypes.byref(mode))
            nvml.nvmlDeviceGetMemoryInfo(device, ctypes.byref(memory))
            megabytes = memory.total // 2**20
            found.append(Gpu(uuid=uuid.value.decode(), mode=mode.value, memory_mb=megabytes))
    finally:
        nvml.nvmlShutdown()
    return tuple(found)


def usable(node: Node) -> tuple[tuple[str, Gpu], ...]:
    """Return the GPUs that `node`'s rank may use: (value for CUDA_VISIBLE_DEVICES, GPU) pairs.

    The batch system may have narrowed the list already; an entry is an index into the driver's
    order or (the beginning of) a UUID. As CUDA does, the list is read up to its first invalid
    entry.
    """
    if node.visible is None:
        return tuple((gpu.uuid, gpu) for gpu in node.gpus if gpu.mode != PROHIBITED)
    chosen = []
    for entry in filter(None, (item.strip() for item in node.visible.split(","))):
        matches = (
            [node.gpus[int(entry)]]
            if entry.isdigit() and int(entry) < len(node.gpus)
            else [gpu for gpu in node.gpus if gpu.uuid.startswith(entry)]
        )
        if len(matches) != 1 and not entry.startswith("MIG-"):  # a slice of a GPU has its own UUID
            break
        chosen.append((entry, matches[0] if len(matches) == 1 else Gpu(uuid=entry)))
    return tuple(chosen)


def share_out(nodes: Sequence[Node], share_gpu: bool) -> tuple[dict[int, Place], tuple[str, ...]]:
    """Give every worker its place.

    Args:
        nodes: Of the workers alone, so that rank 0 gets no GPU (unless it is the only rank).
        share_gpu: Whether workers beyond the number of GPUs share them; else they stay idle.

    Returns:
        Rank -> place, and warnings for the log.
    """
    groups: dict[int, list[Node]] = defaultdict(list)
    for node in sorted(nodes, key=lambda n: n.rank):
        groups[node.leader].append(node)
    places: dict[int, Place] = {}
    warnings: list[str] = []
    for group in groups.values():
        cores = _share_cores(group, warnings)
        gpus = _share_gpus(group, share_gpu, warnings)
        for node in group:
            entry, memory, idle = gpus[node.rank]
            places[node.rank] = Place(
                gpu=entry, gpu_memory_mb=memory, cores=cores[node.rank], idle=idle
            )
    return places, tuple(warnings)


def _share_gpus(
    group: Sequence[Node], share_gpu: bool, warnings: list[str]
) -> dict[int, tuple[str | None, int | None, str]]:
    """Return rank -> (entry, memory limit in MiB, why idle)."""
    host = group[0].host
    lists = {node.rank: usable(node) for node in group}
    if not any(lists.values()):
        return {node.rank: (None, None, "") for node in group}
    # Each rank takes the least used GPU of its own list: right both where all ranks see the same
    # list (mpirun) and where the launcher gave every rank its own (jsrun).
    users: dict[str, int] = defaultdict(int)
    taken: dict[int, tuple[str, Gpu] | None] = {}
    for node in group:
        mine = lists[node.rank]
        best = min(mine, key=lambda pair: users[pair[1].uuid]) if mine else None
        full = best is not None and users[best[1].uuid] > 0
        if best is not None and full and (not share_gpu or best[1].mode == EXCLUSIVE_PROCESS):
            best = None
        if best is not None:
            users[best[1].uuid] += 1
        taken[node.rank] = best
    result: dict[int, tuple[str | None, int | None, str]] = {}
    for node in group:
        best = taken[node.rank]
        if best is None:
            why = f"no GPU of {host} is left for it"
            if any(gpu.mode == EXCLUSIVE_PROCESS for _, gpu in lists[node.rank]):
                why += " (compute mode EXCLUSIVE_PROCESS)"
            result[node.rank] = (None, None, why)
        else:
            entry, gpu = best
            result[node.rank] = (entry, _memory_limit(gpu, users[gpu.uuid]), "")
    number, most = len(users), max(users.values())
    if most > 1:
        warnings.append(
            f"{host}: {len(group)} workers share {number} GPU{'s'[: number - 1]}, up to {most} on "
            f"one; each may use 1/{most} of its memory (for full speed start {number} workers here)"
        )
    return result


def _memory_limit(gpu: Gpu, users: int) -> int | None:
    if users == 1 or not gpu.memory_mb:
        return None
    return max(1, gpu.memory_mb // users - CONTEXT_MB)


def _share_cores(group: Sequence[Node], warnings: list[str]) -> dict[int, tuple[int, ...]]:
    """Return rank -> cores: its share of what it inherited together with others."""
    same: dict[tuple[int, ...], list[Node]] = defaultdict(list)
    for node in group:
        same[node.cores].append(node)
    result: dict[int, tuple[int, ...]] = {}
    for cores, members in same.items():
        for index, node in enumerate(members):
            if len(cores) >= len(members):
                first = index * len(cores) // len(members)
                last = (index + 1) * len(cores) // len(members)
                result[node.rank] = cores[first:last]
            else:
                result[node.rank] = (cores[index % len(cores)],) if cores else ()
    node, used = group[0], {core for cores in result.values() for core in cores}
    if len(used) < min(
        len(group), node.node_cores
    ):  # Open MPI 4 binds a job of two ranks to one each
        warnings.append(
            f"{node.host}: {len(group)} workers on {len(used)} of {node.node_cores} cores, as the "
            "launcher bound them; mpirun --bind-to none frees them"
        )
    return result
