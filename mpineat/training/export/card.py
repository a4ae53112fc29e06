"""The card of an exported model: what it is, what it was made of, how good and how dear it is."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

from mpineat import __version__, units
from mpineat.config import Config
from mpineat.config.difference import changed
from mpineat.config.recipe import PLAIN
from mpineat.data.dataset import Dataset
from mpineat.data.full_training import full, on_photographs
from mpineat.markdown import escaped, table
from mpineat.phenotype import cost
from mpineat.phenotype.network import Network
from mpineat.store import directory
from mpineat.store.provenance import utc_now
from mpineat.training.export.exported import Exported
from mpineat.training.export.exporter import Exporter

Z = 1.96  # of 95 %
_VALUE = ("", "")  # of tables whose rows name themselves


def path_of(output: Path, exporter: Exporter) -> Path:
    """Return where the card of a model lies: `model.keras` has `model.card.md`.

    A folder keeps its whole name: what stands behind a dot there is no suffix.
    """
    return output.with_name(f"{output.name if exporter.folder else output.stem}.card.md")


def wilson(share: float, of: int) -> tuple[float, float]:
    """Return the 95 % interval of a share that was counted among `of` (Wilson 1927)."""
    middle = (share + Z * Z / (2 * of)) / (1 + Z * Z / of)
    half = Z * math.sqrt(share * (1 - share) / of + Z * Z / (4 * of * of)) / (1 + Z * Z / of)
    return max(0.0, middle - half), min(1.0, middle + half)


def write(
    exported: Exported,
    network: Network,
    config: Config,
    dataset: Dataset,
    exporter: Exporter,
    origin: str,
) -> Path:
    """Write the card beside the model, and return its path.

    Args:
        origin: Which candidate of which run it is, in words.

    Raises:
        StorageError: The disk is full or read-only.
    """
    path = path_of(exported.output, exporter)
    parts = (
        f"# {escaped(exported.output.name)}",
        f"A classifier of {dataset.classes} classes, written by mpineat {__version__} at "
        f"{utc_now()}: {escaped(origin)}.",
        "## On the test set",
        *_test(exported),
        "## What it was trained on",
        table(list(_data(exported, config, dataset)), _VALUE),
        "## What goes in and comes out",
        *_ends(exported, dataset),
        "## What it costs",
        *_costs(exported, network),
        "## How to load it",
        *_loading(exported, exporter),
    )
    directory.write_durably(path, ("\n\n".join(parts) + "\n").encode())
    return path


def _test(exported: Exported) -> Iterator[str]:
    confusion = exported.confusion
    if confusion is None:
        yield f"Not measured: {escaped(exported.unmeasured)}."
        return
    low, high = wilson(confusion.accuracy, exported.test_examples)
    yield (
        f"**Accuracy {confusion.accuracy:.4f}** on {exported.test_examples:,} images that neither "
        f"the search nor the training has seen; 95 % interval {low:.4f} to {high:.4f} (Wilson). "
        f"Balanced accuracy {confusion.balanced_accuracy:.4f}, macro F1 {confusion.macro_f1:.4f}."
    )
    yield "\n".join(
        f"{'  ' if line.startswith(' ') else ''}- {escaped(line.strip())}"
        for line in confusion.lines(exported.class_names)
    )


def _data(exported: Exported, config: Config, dataset: Dataset) -> Iterator[tuple[str, str]]:
    final = full(config)
    kept = (
        f"; {len(dataset.validation.y):,} kept back to validate on"
        if exported.validated
        else ", those that the search validated on among them"
    )
    yield "data set", escaped(dataset.name)
    yield "images", f"{exported.train_examples:,}{kept}"
    yield "SHA-256 of labels and sampled images", f"`{dataset.digest}`"
    for label, name in enumerate(dataset.class_names or map(str, range(dataset.classes))):
        yield f"class {label}", escaped(name)
    yield "epochs", f"{exported.epochs}, in {units.duration(exported.seconds)}"
    yield "seed", str(exported.seed)
    shared = ", then ".join(map(str, exported.devices))
    on = "1 device" if exported.devices == (1,) else f"{shared} devices, each with its share"
    yield "batch", f"{final.training.batch_size} images on {on}"
    yield "learning rate", f"Adam, at most {final.training.learning_rate:.3g}, falling to 0"
    yield "images changed", "mirrored and shifted" if on_photographs(config) else "as in the search"
    for option, (value, _) in changed(config.recipe, PLAIN).items():
        if option not in ("augment", "batch_size"):
            yield f"recipe.{option}", escaped(str(value))


def _ends(exported: Exported, dataset: Dataset) -> Iterator[str]:
    conversion = dataset.conversion
    size = ", ".join(str(extent) for extent in dataset.input_shape)
    yield (
        f"In: `image`, {conversion.model_dtype} [n, {size}] (height, width, channels), values from "
        f"{conversion.low:g} to {conversion.high:g} as in the data set's files. The model itself "
        "standardises them by the training images' mean and deviation of each channel; give it no "
        "values that were scaled already."
    )
    yield (
        f"Out: `probabilities`, float32 [n, {dataset.classes}], in the order of the classes above."
    )


def _costs(exported: Exported, network: Network) -> Iterator[str]:
    rows = [
        ("flops of an image (a multiply-add counts 2)", f"{cost.flops(network):,}"),
        ("parameters", f"{cost.parameters(network):,}"),
        ("size on disk", f"{units.count(exported.bytes)}B"),
    ]
    latency = exported.latency
    if latency is None:
        yield table(rows, _VALUE)
        return
    for size, seconds in latency.seconds.items():
        each = f", {1000 * seconds / size:.3g} ms an image" if size > 1 else ""
        took = f"{1000 * seconds:.3g} ms{each}"
        rows.append((f"batch of {units.plural(size, 'image')}, median", took))
    yield table(rows, _VALUE)
    yield (
        f"Times are of the model in {latency.software}, float32, on {escaped(latency.device)}, "
        f"{units.plural(latency.threads, 'thread')}, on the machine that exported it and whatever "
        "else ran there; another runtime has others."
    )


def _loading(exported: Exported, exporter: Exporter) -> Iterator[str]:
    path = ascii(str(exported.output))[1:-1].replace('"', '\\"')
    if exporter.example:
        yield f"```python\n{exporter.example.replace('{path}', path).strip()}\n```"
    elif exporter.how_to_load:
        yield f"```python\nmodel = {exporter.how_to_load.replace('{path}', path)}\n```"
    else:
        yield f"As any file of the format {escaped(exporter.name)}."
