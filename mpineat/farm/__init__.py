"""Rank 0 and the worker ranks: messages, leases, retries; MPI itself is in mpi.py alone."""
