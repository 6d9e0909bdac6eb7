"""What bfloat16 does to the scores that a head predicts.

    python benchmarks/precision.py MANIFEST [--backbone tiny3d ...] [--head svr ...]

The videos of a manifest's first split go through a backbone twice, in float32 and in bfloat16; a
head is fitted on the training videos' features of each. Printed are the drift of the features and,
over the test videos, by how many points a prediction moves: where bfloat16 features go into the
head that was fitted on float32 ones, and where both stages are bfloat16.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from aqa.annotations.chosen_splits import chosen_splits
from aqa.annotations.manifest import Manifest
from aqa.benchmarks.extract import machine
from aqa.extract.backbones import backbone_names, load_backbone
from aqa.extract.run import extract
from aqa.features.store import FeatureStore
from aqa.metrics import spearman
from aqa.models.heads import get_head, head_names

Features = list[NDArray[np.float32]]


def features(manifest: Manifest, ids: list[str], backbone: str, precision: Any) -> Features:
    """Of the videos, in this precision."""
    network = load_backbone(backbone, None if backbone == "tiny3d" else "random")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "features.h5"
        extract([manifest.by_id[i] for i in ids], network, path, precision=precision)
        with FeatureStore.open(path) as store:
            return [np.asarray(store[i]) for i in ids]


def drift(plain: Features, fast: Features) -> str:
    """Relative L2 of all clips, and the least cosine of one."""
    a, b = np.concatenate(plain), np.concatenate(fast)
    cosine = (a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))
    return f"{np.linalg.norm(b - a) / np.linalg.norm(a):.1e}, cosine {cosine.min():.5f}"


@click.command()
@click.argument("path", type=click.Path(path_type=Path, exists=True), metavar="MANIFEST")
@click.option("--backbone", "backbones", multiple=True, type=click.Choice(backbone_names()))
@click.option("--head", "heads", multiple=True, type=click.Choice(head_names()), default=["svr"])
def main(path: Path, backbones: tuple[str, ...], heads: tuple[str, ...]) -> None:
    """Print a row a backbone and head."""
    click.echo(machine())
    manifest = Manifest.read(path)
    split = chosen_splits(manifest)[0]
    n, ids = len(split.train), [*split.train, *split.test]
    scores = np.array([manifest.by_id[i].score for i in ids])
    for backbone in backbones or ("tiny3d",):
        plain, fast = (features(manifest, ids, backbone, p) for p in ("float32", "bfloat16"))
        click.echo(f"{backbone}: features drift by {drift(plain, fast)}")
        for head in heads:
            on_plain = get_head(head)().fit(plain[:n], scores[:n])
            on_fast = get_head(head)().fit(fast[:n], scores[:n])
            reference = on_plain.predict(plain[n:])
            ways = {
                "float32 throughout": reference,
                "bfloat16 features, float32 head": on_plain.predict(fast[n:]),
                "bfloat16 throughout": on_fast.predict(fast[n:]),
            }
            for way, predicted in ways.items():
                moved = np.abs(predicted - reference)
                click.echo(
                    f"  {head}, {way}: Spearman {spearman(scores[n:], predicted):.4f}, moved by "
                    f"{moved.mean():.3f} points in the mean, {moved.max():.3f} at most "
                    f"(scores spread by {scores[n:].std():.1f})"
                )


if __name__ == "__main__":
    main()
