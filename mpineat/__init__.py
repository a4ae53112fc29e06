"""Search for deep network architectures: CoDeepNEAT with MorphNet compression over MPI ranks.

What a script or a notebook may rely on is listed in __all__. It is loaded when it is first asked
for, and nothing of TensorFlow or MPI with it:

    import mpineat
    run = mpineat.open_run("runs/first")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mpineat.phenotype.network import Network
    from mpineat.report.results import Results, open_run

__version__ = "0.2.0"
__all__ = ["Network", "Results", "open_run"]

_HOMES = {
    "Network": "mpineat.phenotype.network",
    "Results": "mpineat.report.results",
    "open_run": "mpineat.report.results",
}


def __getattr__(name: str) -> object:
    """Load a public name from where it lives."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
