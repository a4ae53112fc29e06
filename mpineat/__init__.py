"""Search for deep network architectures: CoDeepNEAT with MorphNet compression over MPI ranks."""

__version__ = "0.1.0"
