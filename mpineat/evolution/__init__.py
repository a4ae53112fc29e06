"""Evolution: how the populations evolve, as pure functions of an immutable State."""
