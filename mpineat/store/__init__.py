"""The only checkpoint format: a sealed HDF5 file a generation; the reading of a run directory."""

from mpineat.store.generation import Generation, read, write
from mpineat.store.hdf5 import Damaged
from mpineat.store.run import Run, newest, read_run

__all__ = ["Damaged", "Generation", "Run", "newest", "read", "read_run", "write"]
