"""Which array of a file is what: by the names that people give, else by `dataset.arrays`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from mpineat import config
from mpineat.data.named_arrays import Array, Container
from mpineat.errors import InputError

IMAGES = ("x", "images", "image", "imgs", "data")
LABELS = ("y", "labels", "label", "target", "targets")
CLASS_NAMES = ("class_names", "list_classes", "label_names", "target_names")
PARTS = {
    "train": ("", "train", "training"),
    "test": ("test", "testing"),
    "validation": ("val", "valid", "validation"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Images and the labels that belong to them."""

    x: Array
    y: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The arrays of a data set; None where the file has no such part."""

    train: Pair
    test: Pair | None
    validation: Pair | None
    class_names: Array | None


def choose(container: Container, named: config.Arrays) -> Chosen:
    """Return what `named` names; where it names nothing, what the file's own names say.

    Raises:
        InputError: Images or labels are missing, or several arrays could be them.
    """
    if any(name is not None for name in (named.x, named.y, *_others(named))):
        if named.x is None or named.y is None:
            raise InputError("dataset.arrays: expected x and y at least, both by name")
        names = {
            "train": (named.x, named.y),
            "test": (named.x_test, named.y_test),
            "validation": (named.x_val, named.y_val),
        }
    else:
        names = {
            part: (_find(container, IMAGES, part), _find(container, LABELS, part)) for part in PARTS
        }
    train = _pair(container, *names["train"])
    if train is None:
        raise InputError(
            f"{container.path}: expected arrays of images and labels such as x and y, found "
            f"{container.names()}; set dataset.arrays: {{x: ..., y: ...}}"
        )
    titles = [name for name in container.arrays if _plain(name) in CLASS_NAMES]
    return Chosen(
        train=train,
        test=_pair(container, *names["test"]),
        validation=_pair(container, *names["validation"]),
        class_names=container.array(titles[0]) if len(titles) == 1 else None,
    )


def _others(named: config.Arrays) -> Iterable[str | None]:
    return (named.x_test, named.y_test, named.x_val, named.y_val)


def _find(container: Container, words: tuple[str, ...], part: str) -> str | None:
    """Return the one array that is called so; x_train and train/x are one name in two spellings."""
    wanted = {form for word in words for name in PARTS[part] for form in _forms(word, name)}
    found = [name for name in container.arrays if _plain(name) in wanted]
    if len(found) > 1:
        raise InputError(
            f"{container.path}: {' and '.join(sorted(found))}: each could be the {part} "
            f"{'images' if words is IMAGES else 'labels'}; set dataset.arrays: {{x: ..., y: ...}}"
        )
    return found[0] if found else None


def _forms(word: str, part: str) -> Iterable[str]:
    return (f"{word}_{part}", f"{part}_{word}", f"{part}_set_{word}") if part else (word,)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _pair(container: Container, x: str | None, y: str | None) -> Pair | None:
    if x is None and y is None:
        return None
    if x is None or y is None:
        raise InputError(
            f"{container.path}: {x or y}: expected "
            f"{'labels to these images' if x else 'images to these labels'} beside it, found "
            f"{container.names()}; dataset.arrays says which is which"
        )
    return Pair(x=container.array(x), y=container.array(y))
