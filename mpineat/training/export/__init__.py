"""The final training of a network, and the files that models are written to."""
