"""Whether what crosses a pipe or MPI says one thing: a task in itself, an outcome with its task."""

from __future__ import annotations

from mpineat.errors import InputError
from mpineat.genotype.validity import candidate_problem
from mpineat.judgement import judgement_problem
from mpineat.metrics import ACCURACY
from mpineat.phenotype.network import Network
from mpineat.tasks import Outcome, Task, outcome_from_bytes, task_from_bytes
from mpineat.wire import WireError


def read_task(data: bytes) -> Task:
    """Decode a task.

    Raises:
        WireError: It is none, or no network can be assembled from it.
    """
    task = task_from_bytes(data)
    for candidate in (task.candidate, *([task.start.parent] if task.start else [])):
        if wrong := candidate_problem(candidate):
            raise WireError(f"not a task: candidate {candidate.id}: {wrong}")
    return task


def read_outcome(data: bytes) -> Outcome:
    """Decode an outcome.

    Raises:
        WireError: It is none, or contradicts itself.
    """
    outcome = outcome_from_bytes(data)
    if outcome.status == "ok":
        whole = not outcome.fault and not outcome.reason and outcome.accuracy is not None
    elif outcome.status == "discarded":
        whole = not outcome.fault and not outcome.reason and outcome.accuracy is None
        whole = whole and bool(outcome.curve)
    else:
        whole = bool(outcome.fault and outcome.reason) and outcome.accuracy is None
    if not whole:
        raise WireError(
            f"not an outcome: it is {outcome.status!r} with fault {outcome.fault!r}, "
            f"reason {outcome.reason!r}, accuracy {outcome.accuracy} and "
            f"{len(outcome.curve)} epochs"
        )
    if wrong := judgement_problem(outcome):
        raise WireError(f"not an outcome: {wrong}")
    return outcome


def check_answer(outcome: Outcome, task: Task) -> None:
    """Refuse an outcome that is not of this try at this task.

    Raises:
        WireError: It names another candidate, network or attempt, or was trained in full where it
            was to be stopped, or the other way round.
    """
    for what, found, expected in (
        ("candidate", outcome.candidate, task.candidate.id),
        ("network", outcome.network_hash, task.network_hash),
        ("attempt", outcome.attempts, task.attempt),
    ):
        if found != expected:
            raise WireError(f"an outcome of {what} {found}, asked for {what} {expected}")
    if not as_far(outcome, task):
        asked = f"stop after epoch {task.stop_after}" if task.stop_after else "train in full"
        raise WireError(f"an outcome that is {outcome.status!r}, asked to {asked}")


def as_far(outcome: Outcome, task: Task) -> bool:
    """Return whether an outcome is of as much training as the task asks for."""
    return outcome.status == "failed" or (outcome.status == "discarded") == bool(task.stop_after)


def check_metric(outcome: Outcome, metric: str) -> None:
    """Refuse an outcome that was judged by another metric than `training.metric`.

    Raises:
        WireError: See above.
    """
    if outcome.accuracy is not None and (outcome.metric is None) != (metric == ACCURACY):
        found = "none" if outcome.metric is None else "another one"
        raise WireError(f"an outcome to be judged by {metric}: found {found} beside its accuracy")


def check_networks(outcome: Outcome) -> None:
    """Refuse an outcome whose networks are none, or another than the one that it names.

    Raises:
        WireError: See above.
    """
    for when, value in (("before", outcome.network_before), ("after", outcome.network_after)):
        if value is None:
            continue
        try:
            network = Network.from_json(dict(value))
        except (InputError, TypeError, ValueError, LookupError, AttributeError) as error:
            raise WireError(f"not an outcome: network_{when}: {error}") from None
        if when == "before" and network.hash() != outcome.network_hash:
            raise WireError(
                f"an outcome of network {outcome.network_hash} whose network_before has the hash "
                f"{network.hash()}: this node may run another mpineat than rank 0"
            )
