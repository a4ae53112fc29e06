"""Groups of runs: their tables, figures and statistics."""
