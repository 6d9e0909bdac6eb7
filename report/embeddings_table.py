"""How far apart embeddings keep types of action, as text and as plain values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from aqa.number_text import fixed
from aqa.report.tables import table, wrapped

if TYPE_CHECKING:
    from aqa.workflows.embed import Embeddings


def embeddings_table(embeddings: Embeddings, run: str) -> str:
    """Silhouettes by type, from -1 to 1: a higher one keeps the types further apart."""
    n_test = int(embeddings.tested.sum())
    title = (
        f"{run}: {len(embeddings.ids) - n_test} training and {n_test} test videos of "
        f"{len(set(embeddings.types))} types; silhouette from -1 to 1, higher: types further apart"
    )
    header = ["embedding", "size", "silhouette of training", "of test videos"]
    rows = []
    for embedding in embeddings.all:
        shown = ["undefined" if s is None else fixed(s, 3) for s in embedding.silhouette.values()]
        rows.append([embedding.name, str(embedding.values.shape[1]), *shown])
    return f"{wrapped(title, indent='  ')}\n{table(rows, header)}"


def embeddings_json(embeddings: Embeddings, run: str) -> dict[str, Any]:
    """Silhouettes, and every video's place in the plane of each embedding.

    score: what the run was fitted to, see `target`; None where it is not known.
    """
    return {
        "run": run,
        "target": embeddings.target,
        "embeddings": [
            {
                "name": embedding.name,
                "size": embedding.values.shape[1],
                "silhouette": embedding.silhouette,
                "points": [
                    {
                        "video": video,
                        "type": kind,
                        "score": None if math.isnan(score) else score,
                        "tested": bool(tested),
                        "x": x,
                        "y": y,
                    }
                    for video, kind, score, tested, (x, y) in zip(
                        embeddings.ids,
                        embeddings.types,
                        embeddings.scores.tolist(),
                        embeddings.tested,
                        embedding.flat.tolist(),
                        strict=True,
                    )
                ],
            }
            for embedding in embeddings.all
        ],
    }
