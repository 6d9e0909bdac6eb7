"""Fit a head to pairs: what it learns from, what it is stopped by, and the loss."""

from __future__ import annotations

from dataclasses import fields

from aqa.annotations.manifest import Manifest
from aqa.annotations.splits import Split
from aqa.errors import HeadUsageError
from aqa.models.examples import Examples, Features, ranked_examples_of
from aqa.models.heads.base import Head
from aqa.models.heads.base.source import HeadSource
from aqa.models.run_source import RunError
from aqa.models.training.losses import PAIR_LOSSES


def pair_params(
    source: HeadSource, values: dict[str, object], manifest: Manifest
) -> dict[str, object]:
    """Hyper-parameters with the first loss of pairs, where a manifest is seen with these.

    `HeadError` for a loss of scores with pairs, or of pairs without them.
    """
    if "loss" not in {field.name for field in fields(source.head_class)}:
        return values
    loss = values.get("loss")
    if manifest.pairs is None:
        if loss in PAIR_LOSSES:
            raise HeadUsageError(f"loss={loss} learns who is better: fit with --target pairs")
        return values
    if loss is not None and loss not in PAIR_LOSSES:
        raise HeadUsageError(
            f"loss={loss} learns scores; of pairs take loss={' or '.join(PAIR_LOSSES)}, or leave "
            "it out"
        )
    return {"loss": PAIR_LOSSES[0], **values}


def ranked_parts(
    head: Head, split: Split, manifest: Manifest, features: Features
) -> tuple[Examples, Examples | None]:
    """The training videos with their pairs; and the pairs to stop by, with all their videos.

    None where the split has no such pairs. `RunError` where it has none to learn from.
    """
    assert manifest.pairs is not None
    pairs = manifest.pairs.by_part(split)
    if not pairs["train"]:
        raise RunError(
            f"{manifest.pairs.path}: no pair to learn from in split {split.name}: none has two of "
            f"its {len(split.train)} training videos"
        )
    of = (manifest, features, head.columns)
    train = ranked_examples_of(
        split.train, pairs["train"], *of, views=head.takes_views, blank=head.takes_blank
    )
    stopping = list(dict.fromkeys(i for pair in pairs["val"] for i in pair))
    return train, ranked_examples_of(stopping, pairs["val"], *of) if stopping else None
