"""What travels with the package: digits, its configuration, and what job files are made of."""
