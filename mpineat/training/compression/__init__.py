"""MorphNet: which filters a network keeps, and the smaller network."""
