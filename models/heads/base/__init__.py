"""What heads share; a file directly in `aqa.models.heads` is a head, a file here is none."""

from aqa.errors import HeadError
from aqa.models.examples import Examples, Sequences, pick
from aqa.models.heads.base.answers import (
    Answer,
    AspectPoints,
    ExplainsClips,
    ExplainsJoints,
    Explanation,
    GivesAspects,
    GivesAttributes,
    GivesCommentary,
    GivesParts,
    GivesQuantiles,
    PairHead,
    StageHead,
)
from aqa.models.heads.base.arrays import State, pack_texts, part_of, under, unpack_texts
from aqa.models.heads.base.checks import (
    UnfittedHeadError,
    called,
    check_column,
    check_fit,
    check_pairs,
    check_sequences,
    check_views,
    name_of,
)
from aqa.models.heads.base.head import Head, fit_options
from aqa.models.heads.base.params import (
    check_params,
    describe_params,
    param,
    params_of,
    parse_params,
    shared_params,
)

__all__ = [
    "Answer",
    "AspectPoints",
    "Examples",
    "ExplainsClips",
    "ExplainsJoints",
    "Explanation",
    "GivesAspects",
    "GivesAttributes",
    "GivesCommentary",
    "GivesParts",
    "GivesQuantiles",
    "Head",
    "HeadError",
    "PairHead",
    "Sequences",
    "StageHead",
    "State",
    "UnfittedHeadError",
    "called",
    "check_column",
    "check_fit",
    "check_pairs",
    "check_params",
    "check_sequences",
    "check_views",
    "describe_params",
    "fit_options",
    "name_of",
    "pack_texts",
    "param",
    "params_of",
    "parse_params",
    "part_of",
    "pick",
    "shared_params",
    "under",
    "unpack_texts",
]
