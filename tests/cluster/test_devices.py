"""Who gets which GPU and which cores, for the ways in which batch systems hand them out."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest

from mpineat.cluster.devices import EXCLUSIVE_PROCESS, Gpu, Node, _ask, share_out, usable

P100 = tuple(Gpu(uuid=f"GPU-{name}", memory_mb=16000) for name in "abcd")
ALONE = tuple(Gpu(uuid=f"GPU-{name}", mode=EXCLUSIVE_PROCESS) for name in "ab")


def node(rank: int, leader: int = 0, **fields: Any) -> Node:
    given = {"cores": tuple(range(8)), "node_cores": 8, **fields}
    return Node(rank=rank, host=f"node{leader}", leader=leader, **given)


def gpus_of(*nodes: Node, share: bool = True) -> dict[int, str | None]:
    places, _ = share_out(nodes, share)
    return {rank: place.gpu for rank, place in places.items()}


def test_each_worker_of_a_node_gets_its_own_gpu():
    assert gpus_of(*(node(r, gpus=P100) for r in (1, 2, 3))) == {1: "GPU-a", 2: "GPU-b", 3: "GPU-c"}


def test_every_node_is_shared_out_by_itself():
    nodes = [node(1, 0, gpus=P100), node(2, 2, gpus=P100), node(3, 2, gpus=P100)]
    assert gpus_of(*nodes) == {1: "GPU-a", 2: "GPU-a", 3: "GPU-b"}


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        ("2,3", ["2", "3"]),
        ("GPU-d,GPU-a", ["GPU-d", "GPU-a"]),
        ("1", ["1"]),
        ("", []),
        ("-1", []),
        ("0,9,1", ["0"]),  # CUDA stops at the first invalid entry
        ("MIG-123", ["MIG-123"]),
        (None, ["GPU-a", "GPU-b", "GPU-c", "GPU-d"]),
    ],
)
def test_what_the_batch_system_made_visible_is_what_there_is(visible, expected):
    found = usable(node(1, gpus=P100, visible=visible))
    assert [entry for entry, _ in found] == expected


def test_a_gpu_of_its_own_from_the_launcher_stays_with_its_rank():
    nodes = [node(rank, gpus=P100, visible=str(4 - rank)) for rank in (1, 2, 3)]
    assert gpus_of(*nodes) == {1: "3", 2: "2", 3: "1"}


def test_workers_beyond_the_gpus_share_their_memory_with_a_warning():
    places, warnings = share_out([node(r, gpus=P100[:2]) for r in (1, 2, 3)], share_gpu=True)
    assert [places[r].gpu for r in (1, 2, 3)] == ["GPU-a", "GPU-b", "GPU-a"]
    assert places[1].gpu_memory_mb == places[3].gpu_memory_mb < 8000
    assert places[2].gpu_memory_mb is None
    assert "3 workers share 2 GPUs" in warnings[0]


def test_workers_beyond_the_gpus_stay_idle_where_sharing_is_off():
    places, _ = share_out([node(r, gpus=P100[:1]) for r in (1, 2)], share_gpu=False)
    assert (places[1].gpu, places[1].idle) == ("GPU-a", "")
    assert "no GPU of node0 is left" in places[2].idle


def test_two_workers_never_meet_on_an_exclusive_gpu():
    places, _ = share_out([node(r, gpus=ALONE) for r in (1, 2, 3)], share_gpu=True)
    assert [places[r].gpu for r in (1, 2, 3)] == ["GPU-a", "GPU-b", None]
    assert "EXCLUSIVE_PROCESS" in places[3].idle


def test_without_gpus_the_cores_are_shared_out():
    places, warnings = share_out([node(1), node(2), node(3)], True)
    shares = [places[rank].cores for rank in (1, 2, 3)]
    assert sorted(sum(shares, ())) == list(range(8))
    assert {len(share) for share in shares} == {2, 3}
    assert warnings == ()


def test_more_workers_than_cores_take_turns():
    places, _ = share_out([node(r, cores=(0, 1), node_cores=2) for r in (1, 2, 3)], True)
    assert [places[r].cores for r in (1, 2, 3)] == [(0,), (1,), (0,)]


def test_cores_that_mpirun_bound_stay_as_they_are():
    places, _ = share_out([node(1, cores=(0, 1)), node(2, cores=(2, 3))], True)
    assert (places[1].cores, places[2].cores) == ((0, 1), (2, 3))


def test_a_launcher_that_bound_all_ranks_to_one_core_is_told_of():
    _, warnings = share_out([node(r, cores=(0,)) for r in (1, 2)], True)
    assert "--bind-to none" in warnings[0]


class Nvml:
    """NVIDIA's library, pretended: two GPUs, the second in exclusive mode."""

    def __init__(self, fails: str = "") -> None:
        self.fails = fails

    def __getattr__(self, name: str) -> Any:
        def call(*arguments: Any) -> int:
            if name == self.fails:
                return 9
            if name == "nvmlDeviceGetCount_v2":
                arguments[0]._obj.value = 2
            elif name == "nvmlDeviceGetHandleByIndex_v2":
                arguments[1]._obj.value = arguments[0] + 100
            elif name == "nvmlDeviceGetUUID":
                arguments[1].value = f"GPU-{arguments[0].value}".encode()
            elif name == "nvmlDeviceGetComputeMode":
                arguments[1]._obj.value = 3 if arguments[0].value == 101 else 0
            elif name == "nvmlDeviceGetMemoryInfo":
                arguments[1]._obj.total = 16 * 2**30
            return 0

        return call


def test_the_driver_is_asked_for_names_modes_and_memory():
    assert _ask(Nvml()) == (
        Gpu(uuid="GPU-100", mode=0, memory_mb=16384),
        Gpu(uuid="GPU-101", mode=EXCLUSIVE_PROCESS, memory_mb=16384),
    )
    assert ctypes.sizeof(ctypes.c_void_p) == 8


@pytest.mark.parametrize("fails", ["nvmlInit_v2", "nvmlDeviceGetCount_v2"])
def test_a_broken_driver_means_no_gpu(fails):
    assert _ask(Nvml(fails)) == ()
