"""What an export wrote; the export of an architecture alone, for which TensorFlow is not loaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mpineat import units
from mpineat.errors import shown
from mpineat.phenotype.network import Network
from mpineat.training.export.confusion import Confusion
from mpineat.training.export.exporter import Exporter

if TYPE_CHECKING:  # TensorFlow comes with it
    from mpineat.training.export.latency import Latency


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What was written, and how good it is.

    Attributes:
        confusion: On the test set; None where nothing was trained or it could not be measured.
        class_names: By the place of their probability; () where classes are only numbered.
        validated: Whether the validation images were kept back.
        latency: None where nothing was trained or it could not be measured.
        unmeasured: Why not; "" where it was, or where there is nothing to measure.
        devices: That shared every batch; several numbers where a resume changed it.
    """

    output: Path
    how_to_load: str
    seed: int = 0
    epochs: int = 0
    train_examples: int = 0
    test_examples: int = 0
    confusion: Confusion | None = None
    unmeasured: str = ""
    class_names: tuple[str, ...] = ()
    seconds: float = 0.0
    validated: bool = False
    latency: Latency | None = None
    devices: tuple[int, ...] = (1,)

    @property
    def test_accuracy(self) -> float | None:
        """None where `confusion` is."""
        return None if self.confusion is None else self.confusion.accuracy

    @property
    def bytes(self) -> int:
        """Of the file, or of all files of the folder."""
        files = self.output.rglob("*") if self.output.is_dir() else (self.output,)
        return sum(file.stat().st_size for file in files if file.is_file())

    def __str__(self) -> str:
        """Return what the command line says at the end."""
        size = units.count(self.bytes) + "B"
        load = self.how_to_load.format(path=self.output)
        written = f"wrote {self.output} ({size})" + (f"; load it with {load}" if load else "")
        if not self.epochs:
            return f"the architecture alone, nothing was trained\n{written}"
        measured = (
            f"no test accuracy: {self.unmeasured}; the model itself is whole"
            if self.confusion is None
            else "\n".join(
                (
                    f"test accuracy {self.confusion.accuracy:.4f} on {self.test_examples:,} images",
                    *self.confusion.lines(self.class_names),
                )
            )
        )
        return (
            f"trained {units.plural(self.epochs, 'epoch')} on {self.train_examples:,} images in "
            f"{units.duration(self.seconds)}\n"
            f"{written}\n"
            f"{self._classes()}"
            f"{measured}"
        )

    def _classes(self) -> str:
        if not self.class_names:
            return ""
        names = ", ".join(f"{label} {shown(name)}" for label, name in enumerate(self.class_names))
        return f"probabilities in the order of the classes: {names}\n"


def export_untrained(
    network: Network, *, output: Path, exporter: Exporter, batch: int | None = None
) -> Exported:
    """Write `network` in a format that holds no weights.

    Raises:
        InputError: The format cannot be written here.
        StorageError: The file cannot be written.
    """
    exporter.examine(output, batch)
    exporter.put(network, output)
    return Exported(output=output, how_to_load=exporter.how_to_load)
