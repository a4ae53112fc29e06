"""The strategies: each a file, each its own answer to which networks to try next."""
