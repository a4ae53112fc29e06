"""The only checkpoint format: a sealed HDF5 file a generation; the reading of a run directory."""

from mpineat.store.generation import Generation, read, write
from mpineat.store.hdf5 import Damaged
from mpineat.store.run import History, Run, history, look, read_final, read_run
from mpineat.store.summary import Summary, read_summary

__all__ = [
    "Damaged",
    "Generation",
    "History",
    "Run",
    "Summary",
    "history",
    "look",
    "read",
    "read_final",
    "read_run",
    "read_summary",
    "write",
]
