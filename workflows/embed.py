"""How a score head sees videos: its embeddings, drawn flat, and how well types come apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score

from aqa.annotations.manifest import Manifest
from aqa.errors import AqaError
from aqa.features.store import FeatureStore, check_spec
from aqa.models.heads.base import Sequences
from aqa.models.heads.base.comparing import check_types
from aqa.models.heads.score_estimation import ScoreEstimationHead, choose_exemplars
from aqa.models.runs import Run

Matrix = NDArray[np.float64]


class Embedding(NamedTuple):
    """One embedding of all videos: (n, dim), drawn flat (n, 2), and silhouettes by type.

    silhouette: -1 to 1 in the embedding's own space, for the `train` and the `test` videos; None
    where it is undefined.
    """

    name: str
    values: Matrix
    flat: Matrix
    silhouette: dict[str, float | None]


class Embeddings(NamedTuple):
    """The four embeddings of a run's videos: ids, types, which were tested, and each of them."""

    ids: list[str]
    types: list[str]
    tested: NDArray[np.bool_]
    all: list[Embedding]


def embed_run(
    run: Run, manifest: Manifest, store: FeatureStore, *, perplexity: float, seed: int
) -> Embeddings:
    """Embed the training and the test videos of a run of the `score` head (jain2020 §V-F)."""
    check_spec(store.path, store.spec, run.spec)
    if not isinstance(run.head, ScoreEstimationHead):
        raise AqaError(
            f"{run.folder}: {run.name} has no embeddings; name a run of head score, "
            "fitted without -p difficulty"
        )
    train = [i for i in run.record["split"]["train"] if i in store]
    test: list[str] = []
    if run.split in manifest.split_names:
        test = [i for i in manifest.split(run.split).test if i in store]
    ids = train + test
    videos = [manifest.by_id[i] for i in ids]
    types = check_types([video.type for video in videos], len(ids), strict=False)
    scores = np.array([video.score for video in videos])
    tested = np.arange(len(ids)) >= len(train)
    spaces = embeddings(run.head, store.load(ids), scores, types, len(train))
    return Embeddings(
        ids,
        types,
        tested,
        [
            Embedding(
                name, values, flatten(values, perplexity, seed), _silhouettes(values, types, tested)
            )
            for name, values in spaces.items()
        ],
    )


def embeddings(
    head: ScoreEstimationHead, x: Sequences, scores: Matrix, types: Sequence[str], n_train: int
) -> dict[str, Matrix]:
    """The LSTM's O of each video, and D2's activations beside three kinds of references.

    n_train: references are taken from the first so many videos. constant: the best of the most
    frequent type for all; worst, best: of each video's type, or of the most frequent one where
    its type has none. The first of several.
    """
    trained = list(types[:n_train])
    frequent = max(sorted(set(trained)), key=trained.count)
    embedded = head.embed(x)
    found = {"LSTM": embedded.double().cpu().numpy()}
    for bias in ("constant", "worst", "best"):
        choice = choose_exemplars(scores[:n_train], trained, worst=bias == "worst", count=1)
        wanted = [frequent if bias == "constant" or t not in choice else t for t in types]
        first = np.array([choice[label][0] for label in wanted])
        found[f"D2, {bias} reference"] = head.join(embedded, first, np.arange(len(types)))
    return found


def flatten(values: Matrix, perplexity: float, seed: int) -> Matrix:
    """t-SNE to the plane, from a start by principal components; same seed, same picture."""
    if len(values) < 4:
        raise AqaError(f"{len(values)} videos are too few to draw; it takes 4 or more")
    limited = min(perplexity, (len(values) - 1) / 3)
    # A space of one value only, as a dead layer gives, has no components to start from.
    start = "pca" if np.ptp(values) > 0 else "random"
    tsne = TSNE(perplexity=limited, init=start, random_state=seed)
    flat: Matrix = tsne.fit_transform(values).astype(np.float64)
    return flat


def _silhouettes(
    values: Matrix, types: Sequence[str], tested: NDArray[np.bool_]
) -> dict[str, float | None]:
    labels = np.asarray(types, str)
    return {
        part: _silhouette(values[own], labels[own])
        for part, own in (("train", ~tested), ("test", tested))
    }


def _silhouette(values: Matrix, labels: NDArray[np.str_]) -> float | None:
    if not 2 <= len(np.unique(labels)) < len(labels):
        return None
    return float(silhouette_score(values, labels))
