"""Action quality assessment: from a video of a dive, a vault, a jump, to the judges' score.

Stage 1 (`aqa.extract`) turns videos into clip features with a pretrained network, once. Stage 2
(`aqa.models`) fits light heads on those features. From Python:

    import aqa

    aqa.extract_features("c3d", weights="c3d.pickle")
    aqa.fit("svr")
    aqa.evaluate("svr")
    aqa.score("new.mp4", head="svr")

Nothing is imported before it is used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aqa.annotations.manifest import Manifest
    from aqa.api import evaluate, explain, extract_features, fit, load_run, score
    from aqa.features.store import FeatureStore
    from aqa.workflows.scorer import Scorer

__version__ = "0.2.0"

__all__ = [
    "FeatureStore",
    "Manifest",
    "Scorer",
    "evaluate",
    "explain",
    "extract_features",
    "fit",
    "load_run",
    "score",
]

_HOMES = {
    "FeatureStore": "aqa.features.store",
    "Manifest": "aqa.annotations.manifest",
    "Scorer": "aqa.workflows.scorer",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES.get(name, "aqa.api")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
