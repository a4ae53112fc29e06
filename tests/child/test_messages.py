"""Setup and frames, however the pipe cuts them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpineat.child.messages import (
    BEAT,
    HELLO,
    NOTICE,
    READY,
    REFUSAL,
    Frames,
    Kind,
    Setup,
    frame,
    refused,
)
from mpineat.cluster.devices import Gpu, Node
from mpineat.wire import WireError
from tests import evaluations

SETUP = Setup(
    config=evaluations.config(),
    rank=3,
    host="node7",
    cores=(0, 1),
    gpu="GPU-1",
    log_path="/r\u00e4\udcff/logs/rank_0003.log",  # no UTF-8, as Python reads such a name
)


@given(st.lists(st.tuples(st.sampled_from(Kind), st.binary(max_size=300))), st.data())
def test_frames_arrive_whole_however_the_pipe_cuts_them(messages, data):
    stream = b"".join(frame(kind, payload) for kind, payload in messages)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    frames, found = Frames(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += frames.feed(stream[start:end])
    assert found == messages


@pytest.mark.parametrize(
    "noise", [b"WARNING: something", b"mp\xff\0\0\0\0", b"mp\x01\xff\xff\xff\xff"]
)
def test_bytes_that_are_no_frame_are_refused(noise):
    with pytest.raises(WireError, match="not a frame"):
        list(Frames().feed(noise))


def test_setup_survives_the_pipe():
    data = SETUP.to_bytes()
    assert Setup.from_bytes(data) == SETUP
    assert b'"epochs"' in data, "rank 0's defaults count, not those of the child's package"


@pytest.mark.parametrize("data", [b"", b"{}", b"setup 2 {}", SETUP.to_bytes()[:-9]])
def test_a_damaged_setup_is_refused(data):
    with pytest.raises(WireError, match="a setup"):
        Setup.from_bytes(data)


@pytest.mark.parametrize(
    ("field", "value"),
    [("cores", [-1]), ("threads", 0), ("rank", "3"), ("later", 1), ("config", {"trainin": {}})],
)
def test_a_setup_out_of_bounds_is_refused_by_the_field(field, value):
    start, brace, rest = SETUP.to_bytes().partition(b"{")
    plain = json.loads(brace + rest) | {field: value}
    with pytest.raises(WireError, match=f"^not a setup: {field}"):
        Setup.from_bytes(start + json.dumps(plain).encode())


def test_a_node_survives_the_message():
    gpus = (Gpu(uuid="GPU-1", mode=3, memory_mb=16280),)
    there = Node(rank=3, host="node7", leader=1, visible="0,\udcff", gpus=gpus, cores=(0, 1))
    assert HELLO.unpack(HELLO.pack(there)) == there


@pytest.mark.parametrize(
    ("codec", "found"),
    [
        (READY, b'ready 2 {"device": 5}'),
        (READY, b'ready 2 {"device": "a\\nb"}'),
        (READY, b'{"device": "of another version"}'),
        (BEAT, b'beat 2 {"state": "asleep"}'),
        (BEAT, b'beat 2 {"state": "idle", "rss_mb": NaN}'),
        (NOTICE, b'notice 2 {"reason": "SIGTERM"}'),
        (REFUSAL, b'refusal 2 {"why": "%b"}' % (b"x" * 501)),
        (HELLO, b'hello 2 {"rank": 1, "host": "a", "leader": 0, "cores": [-1]}'),
    ],
)
def test_a_message_out_of_bounds_is_refused(codec, found):
    with pytest.raises(WireError):
        codec.unpack(found)


def test_a_refusal_is_one_line_whatever_it_quotes():
    said = REFUSAL.unpack(refused("/d\udcff\x1b[2J:\n" + 600 * "x", of_input=True).payload)
    assert (said.why[:11], len(said.why), said.input) == ("/d??[2J: xx", 500, True)
