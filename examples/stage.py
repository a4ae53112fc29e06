"""A stage of your own: a candidate that is hardly better than chance after an epoch is given up.

Beside it, in pyproject.toml:

    [project]
    name = "hopeless"
    version = "1.0"

    [project.entry-points."mpineat.stage"]
    hopeless = "stage:Hopeless"

After `pip install .` there, `mpineat run CONFIG training.stages=[hopeless]` searches with it.
"""

from mpineat.errors import Failure
from mpineat.tasks import Epoch
from mpineat.training.evaluation import Evaluation


class Hopeless:
    """Judges the first epoch of the training; costs no seconds worth a name."""

    name = "hopeless"
    before = "train"
    seconds = ()
    reasons = {"hopeless": "candidate"}

    def run(self, evaluation: Evaluation) -> None:
        """Have the epochs of the training judged."""
        times_chance = evaluation.task.context.get("times_chance", 1.5)  # a strategy may choose it
        least = times_chance / evaluation.classes

        def judge(epoch: Epoch) -> None:
            if epoch.epoch == 1 and epoch.val_accuracy < least:
                detail = f"accuracy {epoch.val_accuracy:.3f} after an epoch, below {least:.3f}"
                raise Failure("hopeless", "candidate", detail)

        evaluation.on_epoch.append(judge)
