"""The embeddings of the head score-estimation in the plane, and how far apart types are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aqa.annotations.manifest import Manifest
from aqa.errors import AqaError
from aqa.features.store import FeatureStore, check_spec
from aqa.models.heads.base import Sequences
from aqa.models.heads.base.comparing import check_types
from aqa.models.heads.base.exemplars import choose_exemplars
from aqa.models.heads.score_estimation import ScoreEstimationHead
from aqa.models.runs import Run
from aqa.models.saved.hashes import check_learned, warn_unchecked

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Embedding:
    """One embedding of all videos.

    values: (n, dim). flat: (n, 2), the same in the plane by t-SNE. silhouette: how far apart the
    types are in `values`, -1 to 1, of the `train` and of the `test` videos; None where undefined.
    """

    name: str
    values: Matrix
    flat: Matrix
    silhouette: dict[str, float | None]


@dataclass(frozen=True)
class Embeddings:
    """All embeddings of a run's videos: their ids, types, and which of them are test videos.

    scores: (n,) their true scores, or what else `target` names.
    """

    ids: list[str]
    types: list[str]
    scores: Matrix
    target: str
    tested: NDArray[np.bool_]
    all: list[Embedding]


def embed_run(
    run: Run, manifest: Manifest, store: FeatureStore, *, perplexity: float, seed: int
) -> Embeddings:
    """Embed the training and the test videos of a run of score-estimation (jain2020 §V-F)."""
    check_spec(store.path, store.spec, run.spec)
    warn_unchecked([(run.folder, run.record)])
    manifest = run.seen(manifest)
    check_learned(run.folder, run.record, manifest, store)
    head = run.head
    if not isinstance(head, ScoreEstimationHead):
        raise AqaError(
            f"{run.folder}: {run.name} has no embeddings; name a run of head score-estimation, "
            "fitted without -p difficulty"
        )
    train = [i for i in run.record["split"]["train"] if i in store]
    known_split = run.split in manifest.split_names
    test = [i for i in manifest.split(run.split).test if i in store] if known_split else []
    ids = train + test
    videos = [manifest.by_id[i] for i in ids]
    types = check_types([video.type for video in videos], len(ids), strict=False)
    scores = np.array([video.score for video in videos])
    tested = np.arange(len(ids)) >= len(train)
    embeddings = []
    for name, values in embedding_spaces(head, store.load(ids), scores, types, len(train)).items():
        flat = flatten(values, perplexity, seed)
        embeddings.append(Embedding(name, values, flat, _silhouettes(values, types, tested)))
    return Embeddings(ids, types, scores, run.target, tested, embeddings)


def embedding_spaces(
    head: ScoreEstimationHead, x: Sequences, scores: Matrix, types: Sequence[str], n_train: int
) -> dict[str, Matrix]:
    """The LSTM's last output of each video, and D2's activations beside three kinds of exemplars.

    n_train: exemplars are taken from the first so many videos. constant: the best video of the
    most frequent type, for all. worst, best: of each video's own type, or of the most frequent
    one where its type has none. Of several, the first is taken.
    """
    trained = list(types[:n_train])
    frequent = max(sorted(set(trained)), key=trained.count)
    embedded = head.embed(x)
    spaces = {"LSTM": embedded.double().cpu().numpy()}
    for kind in ("constant", "worst", "best"):
        choice = choose_exemplars(scores[:n_train], trained, worst=kind == "worst", count=1)
        wanted = [frequent if kind == "constant" or t not in choice else t for t in types]
        exemplars = np.array([choice[label][0] for label in wanted])
        spaces[f"D2, {kind} exemplar"] = head.join(embedded, exemplars, np.arange(len(types)))
    return spaces


def flatten(values: Matrix, perplexity: float, seed: int) -> Matrix:
    """(n, dim) -> (n, 2) by t-SNE, which starts from principal components; decided by the seed."""
    from sklearn.manifold import TSNE

    if len(values) < 4:
        raise AqaError(f"{len(values)} videos are too few to draw; it takes 4 or more")
    largest = (len(values) - 1) / 3
    # Where all values are the same, as of a dead layer, there are no components to start from.
    start = "pca" if np.ptp(values) > 0 else "random"
    tsne = TSNE(perplexity=min(perplexity, largest), init=start, random_state=seed)
    flat: Matrix = tsne.fit_transform(values).astype(np.float64)
    return flat


def _silhouettes(
    values: Matrix, types: Sequence[str], tested: NDArray[np.bool_]
) -> dict[str, float | None]:
    labels = np.asarray(types, str)
    return {
        "train": _silhouette(values[~tested], labels[~tested]),
        "test": _silhouette(values[tested], labels[tested]),
    }


def _silhouette(values: Matrix, labels: NDArray[np.str_]) -> float | None:
    from sklearn.metrics import silhouette_score

    if not 2 <= len(np.unique(labels)) < len(labels):
        return None
    return float(silhouette_score(values, labels))
