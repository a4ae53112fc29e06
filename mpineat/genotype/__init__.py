"""The genotype: what evolves. Standard library and numpy alone."""
