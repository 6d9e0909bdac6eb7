"""Commentary of MTL-AQA, on its official split, with features that are made of the labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aqa.annotations.commentary import words_of
from aqa.annotations.datasets import find_importer
from aqa.annotations.importing import Request
from aqa.annotations.importing.write import import_dataset
from aqa.annotations.manifest import Manifest
from aqa.models.examples import Examples
from aqa.models.heads.mtl import MTLHead


@pytest.fixture(scope="module")
def manifest(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    path = tmp_path_factory.mktemp("mtl") / "manifest.csv"
    source = Request((shared / "data" / "mtl-aqa",))
    import_dataset("mtl-aqa", find_importer("mtl-aqa").importer, source, path)
    return Manifest.read(path)


def stand_in(manifest: Manifest, ids: tuple[str, ...]) -> Examples:
    """Three clips of the score and noise, and the real columns."""
    videos, rng = [manifest.by_id[i] for i in ids], np.random.default_rng(0)
    scores = np.array([video.score for video in videos])
    features = [rng.normal(score / 20, 1, (3, 4)).astype(np.float32) for score in scores]
    columns = {name: [getattr(v, name) for v in videos] for name in MTLHead.columns}
    return Examples(ids, features, scores, columns)


def test_it_learns_the_commentators_words_and_writes(manifest: Manifest) -> None:
    split = manifest.split("published")
    train, test = (stand_in(manifest, ids) for ids in (split.train, split.test[:40]))
    small = {"hidden": 8, "caption_hidden": 8, "caption_words": 20, "caption_least": 20}
    head = MTLHead(device="cpu", epochs=1, batch_size=64, **small).fit_examples(train)
    spoken = {word for text in train.columns["commentary"] for word in words_of(text)}
    words = {*head.vocabulary.words}
    assert {"the", "dive", "water", "entry", "splash"} <= words <= spoken
    assert 300 < len(words) < 800
    said = head.commentary(test)
    assert len(said) == 40
    assert all(len(text.split()) <= 20 and {*text.split()} <= words for text in said)
    assert head.attributes(test)[0].keys() == {
        *("position", "armstand", "rotation", "somersaults", "twists")
    }
