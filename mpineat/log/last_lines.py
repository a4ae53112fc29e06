"""What a launch says last: what is given to a stop, what was found and where it lies."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path

from mpineat import units
from mpineat.config import Config
from mpineat.log import generation_row
from mpineat.tasks import Outcome


def stopping(given: int, ended: int, seconds: float) -> str:
    """Return what the grace of a stop is spent on.

    Args:
        given: Evaluations that may still end.
        ended: Those that would take longer.
    """
    verb = "is" if given == 1 else "are"
    text = f"stopping: {units.plural(given, 'evaluation')} {verb} given {max(0.0, seconds):.0f} s"
    return f"{text}; {ended} would take longer: ended at once" if ended else text


def lines(
    config: Config,
    run_dir: Path,
    *,
    seconds: float,
    totals: Mapping[str, int],
    best: Outcome | None,
    of_final: bool,
) -> Iterator[tuple[int, str]]:
    """Yield what a finished run says, each line with its level.

    Args:
        seconds: Of this launch.
        totals: Its evaluations by what became of them.
        best: The run's winner; None where nothing could be trained.
    """
    discarded = f", {totals['discarded']} discarded" if totals["discarded"] else ""
    counted = ", ".join(f"{totals[name]} {name}" for name in ("trained", "reused", "failed"))
    generations = units.plural(config.evolution.generations, "generation")
    yield (
        logging.INFO,
        f"finished {generations} in {units.duration(seconds)}: {counted}{discarded} in this launch",
    )
    if best is not None:
        name = "winner" if of_final else "best"
        yield logging.INFO, f"{name}: {generation_row.candidate_text(best, config.training.metric)}"
    yield logging.INFO, f"wrote {run_dir}: a checkpoint a generation, journal, logs"
    yield logging.INFO, f"look at it:      python -m mpineat report {run_dir}"
    if best is not None:
        command = f"export {run_dir} --format keras -o model.keras"
        yield logging.INFO, f"take the model:  python -m mpineat {command}"
    else:
        reasons = f"the reasons above and {run_dir / 'logs'}"
        yield logging.WARNING, f"no candidate could be trained; why: {reasons}"
