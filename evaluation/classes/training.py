"""What the training videos of a split must be to learn two classes from."""

from __future__ import annotations

from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import Split
from aqa.models.run_source import RunError

# Of fewer videos of a class there is none to learn from where some are held out.
LEAST = 2


def good_share(split: Split, manifest: Manifest) -> float:
    """The share of training videos that are good.

    `RunError` where one of the classes has fewer than `LEAST`. manifest: seen with the classes.
    """
    assert manifest.classes is not None
    n = len(split.train)
    good = sum(manifest.by_id[i].score > 0.5 for i in split.train)
    fewest = min(good, n - good)
    if fewest < LEAST:
        label = manifest.classes.label(good < n - good)
        raise RunError(
            f"{manifest.path}: split {split.name}: {fewest} of {n} training videos are {label}; "
            f"two classes are learned from {LEAST} or more videos of each"
        )
    return good / n
