"""What every head is: a scikit-learn estimator on sequences of clip features."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import types
import typing
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin

from aqa.errors import AqaError, did_you_mean, listed
from aqa.models.pairs import Pairs

# One array a video: float32 (n_clips, dim), or of maps (n_clips, channels, time, height, width);
# the number of clips may differ.
Sequences = Sequence[NDArray[np.floating]]
State = dict[str, NDArray[Any]]
T = typing.TypeVar("T")


class HeadError(AqaError, ValueError):
    """Data or parameters that a head cannot be fitted with."""


def param(
    default: Any,
    help: str,
    *,
    low: float | None = None,
    above: float | None = None,
    below: float = math.inf,
) -> Any:
    """A hyper-parameter of a head: its default, and what it means, with unit and source.

    A number is `low` or more, or more than `above`, and less than `below`; where neither of the
    former is given, counts are 1 or more, and other numbers 0 or more.
    """
    metadata = {"help": help, "low": low, "above": above, "below": below}
    return dataclasses.field(default=default, metadata=metadata)


def check_params(head: BaseHead) -> None:
    """Raise `HeadError` with every hyper-parameter whose value is none it can have."""
    hints = typing.get_type_hints(type(head))
    problems = []
    for field in dataclasses.fields(head):
        value, kinds = getattr(head, field.name), _kinds(hints[field.name])
        expected = None
        if isinstance(value, str) and str not in kinds and value not in _words(kinds):
            expected = _expected(kinds)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            expected = _out_of_range(value, 1 if int in kinds else 0, field.metadata)
        if expected:
            problems.append(f"{field.name}={value} is not {expected}")
    if problems:
        raise HeadError("; ".join(problems))
    if isinstance(head, Head) and (head.difficulty, head.scale) != ("none", "all"):
        asked = f"scale={head.scale}" if head.scale != "all" else f"difficulty={head.difficulty}"
        raise HeadError(
            f"{asked} is not applied by {type(head).__name__} itself; make the head with "
            "aqa.models.difficulty.make_head"
        )


def _kinds(hint: Any) -> tuple[Any, ...]:
    """The types of a hint, `None` left out: of `float | None`, `float`."""
    union = isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
    kinds = typing.get_args(hint) if union else (hint,)
    return tuple(kind for kind in kinds if kind is not types.NoneType)


def _words(kinds: Sequence[Any]) -> list[str]:
    """The texts that literals among the types allow."""
    return [word for kind in kinds for word in typing.get_args(kind)]


def _expected(kinds: Sequence[Any]) -> str:
    """What a value of one of these types is."""
    words = _words(kinds)
    named = {int: "a whole number", float: "a number", bool: "true or false"}
    choices = [f"one of {', '.join(words)}" if len(words) > 1 else words[0]] if words else []
    return " or ".join([*(named[kind] for kind in kinds if kind in named), *choices])


def _out_of_range(value: float, least: int, bounds: Mapping[str, Any]) -> str | None:
    low, above, below = bounds["low"], bounds["above"], bounds["below"]
    if above is not None:
        inside, expected = above < value < below, f"above {above}"
    else:
        low = least if low is None else low
        inside, expected = low <= value < below, f"{low} or more"
    if inside and math.isfinite(value):
        return None
    return f"a number, {expected}" + (f" and below {below}" if below < math.inf else "")


@dataclasses.dataclass(repr=False, eq=False)
class BaseHead(BaseEstimator, ABC):
    """What all heads share; `Head` scores, `PairHead` compares videos, `StageHead` tells stages.

    The fields of the dataclass are the hyper-parameters; `fit` checks them, forgets an earlier
    fit, and leaves what it learned in attributes that end in `_`. `history_` holds one row for
    each step of the search or the training.

    kind: what the head's answers are and are evaluated as, `scores`, `pairs` or `stages`. takes:
    the features it is fitted on, `vectors` or `maps`. fitted: the arrays that answering needs and
    that a saved model holds. columns: the attributes of `Video`, and `clips`, that `fit` takes as
    keywords, one value a video; the answering methods take `answer_columns`. starts_from: the head
    whose fitted run `fit` can be handed as the keyword `start` (`aqa fit --from`). takes_views:
    `fit` takes the keyword `views`, for each augmented view of the store the training videos as
    it shows them. takes_blank: `fit` takes the keyword `blank`, the response to a clip of black
    pictures, (dim,), None where the store has none.
    takes_joints: a video is the places of a body's joints, one "clip" a frame (`aqa extract
    --backbone pose`), of width 2 x joints: x, y of the first joint, x, y of the next.

    The column `clips` comes from the store: (n_clips, 2), the half-open range of frames behind
    each clip, counted from the video's `start_frame`; what is negative is padding.
    """

    seed: int = param(0, "of every random choice that fitting makes", low=0, below=2**32)

    kind: ClassVar[str]
    takes: ClassVar[Literal["vectors", "maps"]] = "vectors"
    fitted: ClassVar[tuple[str, ...]]
    columns: ClassVar[tuple[str, ...]] = ()
    starts_from: ClassVar[str | None] = None
    takes_views: ClassVar[bool] = False
    takes_blank: ClassVar[bool] = False
    takes_joints: ClassVar[bool] = False

    @abstractmethod
    def fit(
        self, x: Sequences, y: ArrayLike, validation: tuple[Sequences, ArrayLike] | None = None
    ) -> BaseHead:
        """Learn from training videos.

        x: one (n_clips, dim) a video. y: (n,) scores in points. validation: videos of the same
        kind that a head may stop by; without them it holds out training videos where it needs to.
        A head with `columns` takes each as a keyword too, and `validation` as (x, y, columns).
        """

    @property
    def answer_columns(self) -> tuple[str, ...]:
        """Those of `columns` that the answering methods take; all of them, by default.

        What a head learns from, such as judges' marks, a new video need not have.
        """
        return self.columns

    @property
    def params(self) -> dict[str, Any]:
        """The hyper-parameters, for the run's record."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    @property
    def also_shown(self) -> tuple[str, ...]:
        """Further parts of the split that `fit` takes as the keyword `others`, (x, y, columns)."""
        return ()

    @property
    def chosen(self) -> dict[str, Any]:
        """What fitting settled on, for the run's record."""
        names = ("best_params_", "best_epoch_")
        return {name.rstrip("_"): getattr(self, name) for name in names if hasattr(self, name)}

    @property
    def learned_from_others(self) -> tuple[str, ...]:
        """The ids of those of `others` that the fitted head has learned from."""
        return ()

    def state(self) -> State:
        """The fitted arrays by name, without the underscore."""
        return {name.rstrip("_"): np.asarray(getattr(self, name)) for name in self.fitted}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> BaseHead:
        """Become the fitted head that `state` was taken from."""
        for name in self.fitted:
            setattr(self, name, np.asarray(state[name.rstrip("_")]))
        return self


@dataclasses.dataclass(repr=False, eq=False)
class Head(RegressorMixin, BaseHead):
    """Clip features in, a score out, in the manners of scikit-learn.

    difficulty, scale: applied to every head alike, by `aqa.models.difficulty` and `.actions`.
    """

    difficulty: typing.Literal["none", "multiply", "input"] = param(
        "none",
        "known of each video, none: not shown to the head; multiply: it learns score / difficulty, "
        "and is multiplied by it (farabi2021's code, USDL); input: standardised, beside every clip's "
        "features",
    )
    scale: typing.Literal["all", "action"] = param(
        "all",
        "action: scores of each action divided by their standard deviation (parmar2019action §4)",
    )

    kind: ClassVar[str] = "scores"

    @abstractmethod
    def predict(self, x: Sequences) -> NDArray[np.float64]:
        """Scores in points, (n,)."""

    @property
    def explaining(self) -> bool:
        """Whether `explain` has an answer, with these parameters."""
        return False

    def explain(
        self,
        x: Sequences,
        blank: NDArray[np.floating] | None,
        *,
        align: str = "index",
        **columns: Any,
    ) -> Explanation:
        """How each clip of one video bears on its score; by default a head does not know.

        x: a list of one sequence. blank: the response to a clip of black pictures; None where
        the store has none. align: which clips of a reference are compared, see `ALIGNMENTS`.
        """
        self.cannot_explain("it knows nothing of single clips")

    def gradient(self, sequence: NDArray[np.floating], **columns: Any) -> NDArray[np.float64]:
        """How the score of one video grows with the place of each joint, for heads on joints.

        (frames, 2 x joints) -> (frames, joints, 2), points a unit of the poses, a pixel. By
        default a head does not know.
        """
        self.cannot_explain("it has no gradient by the joints")

    def cannot_explain(self, why: str) -> NoReturn:
        """Raise the line that says so and what to use."""
        raise HeadError(
            f"{type(self).__name__} gives no feedback: {why}; "
            "use --head score, wd, average, pose-dct or pose-dft, or --head lstm fitted with "
            "-p label=incremental"
        )


@dataclasses.dataclass(repr=False, eq=False)
class PairHead(BaseHead):
    """Two videos' clip features in, the probability that they are similar out; scores nothing."""

    kind: ClassVar[str] = "pairs"

    @abstractmethod
    def pairs(self, y: ArrayLike, **columns: Any) -> Pairs:
        """The pairs among videos of scores `y` that this head is meant for, and their truth."""

    @abstractmethod
    def similarity(
        self, x: Sequences, first: NDArray[np.intp], second: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """The probability that `x[first[i]]` and `x[second[i]]` are similar, (pairs,)."""

    @property
    @abstractmethod
    def held_out(self) -> NDArray[np.intp]:
        """Which training videos fitting held out to stop by; empty where validation was given."""


@dataclasses.dataclass(repr=False, eq=False)
class StageHead(BaseHead):
    """A video's clip features in, the stage of each clip out; scores nothing."""

    kind: ClassVar[str] = "stages"

    @property
    @abstractmethod
    def stages(self) -> tuple[str, ...]:
        """The names of the stages, in order; the first is the time before those with a label."""

    @abstractmethod
    def posteriors(self, x: Sequences) -> list[NDArray[np.float64]]:
        """For each video how probable each stage is in each clip, (n_clips, n_stages)."""

    @abstractmethod
    def starts(
        self, x: Sequences, *, clips: Sequence[NDArray[np.integer]], n_frames: Sequence[int]
    ) -> list[NDArray[np.intp]]:
        """For each video the first frame of each stage, (n_stages,); see `aqa.models.stages`."""


@typing.runtime_checkable
class GivesParts(typing.Protocol):
    """A scoring head that also predicts what the score is made of, such as difficulty."""

    def parts(self, x: Sequences, **columns: Any) -> dict[str, NDArray[np.float64]]:
        """Each part of each video's score, in points: name -> (n,)."""
        ...

    def true_parts(
        self,
        y: NDArray[np.float64],
        *,
        difficulty: Sequence[float | None],
        execution: Sequence[float | None],
    ) -> dict[str, NDArray[np.float64]]:
        """What they are by the manifest, of videos with scores `y`; NaN where it does not tell."""
        ...


@typing.runtime_checkable
class GivesQuantiles(typing.Protocol):
    """A scoring head that says how sure it is: it gives each score a distribution."""

    def quantiles(self, x: Sequences, at: ArrayLike, **columns: Any) -> NDArray[np.float64]:
        """The score that each video stays below with probabilities `at` (k,): (n, k) points."""
        ...


@typing.runtime_checkable
class GivesAttributes(typing.Protocol):
    """A scoring head that also names what was performed."""

    def attributes(self, x: Sequences, **columns: Any) -> list[dict[str, str]]:
        """Each video's attributes, name -> label."""
        ...


class Explanation(typing.NamedTuple):
    """A number for each clip of one video, and which of them are faulty.

    values: (n_clips,). faulty: (n_clips,) bool, where a value is below, or at, the limit.
    meaning: what the values are. matched: for each reference, its id and the number of its clip
    that each clip was compared with.
    """

    values: NDArray[np.float64]
    faulty: NDArray[np.bool_]
    limit: float
    meaning: str
    matched: dict[str, NDArray[np.intp]]


def under(owner: str, arrays: Mapping[str, T]) -> dict[str, T]:
    """The arrays under the name of what they belong to, `owner.`; `part_of` undoes it."""
    return {f"{owner}.{name}": array for name, array in arrays.items()}


def part_of(owner: str, arrays: Mapping[str, T]) -> dict[str, T]:
    """See `under`; those of other owners are left out."""
    prefix = f"{owner}."
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def pack_texts(texts: Sequence[str]) -> NDArray[np.uint8]:
    """Texts as an array, since a saved model holds nothing else; `unpack_texts` undoes it."""
    return np.frombuffer(json.dumps(list(texts)).encode(), np.uint8)


def unpack_texts(array: NDArray[np.uint8]) -> list[str]:
    """See `pack_texts`."""
    texts: list[str] = json.loads(array.tobytes())
    return texts


def check_sequences(
    x: Sequences, dim: int | tuple[int, ...] | None = None, *, maps: bool = False
) -> list[NDArray[np.float32]]:
    """The sequences as float32, or `HeadError` with the first that is not (n_clips, *dim).

    dim: of a clip's feature; None takes the first video's. maps: it is (channels, time, height,
    width), and not a vector.
    """
    sequences = [np.asarray(sequence, np.float32) for sequence in x]
    if not sequences:
        raise HeadError("no videos were given")
    if dim is None:
        dim = sequences[0].shape[-4 if maps else -1 :]
    shape = (dim,) if isinstance(dim, int) else tuple(dim)
    for i, sequence in enumerate(sequences):
        if sequence.ndim != (5 if maps else 2) or not len(sequence) or sequence.shape[1:] != shape:
            expected = ", ".join(["clips", *map(str, shape)])
            raise HeadError(
                f"video number {i} has features of shape {sequence.shape}, "
                f"expected ({expected}) with one clip or more"
            )
        if not np.isfinite(sequence).all():
            raise HeadError(f"video number {i} has features that are not finite")
    return sequences


def check_views(
    views: Sequence[Sequences], sequences: list[NDArray[np.float32]]
) -> list[list[NDArray[np.float32]]]:
    """Checked views of the training videos; `HeadError` where one is not of the same videos."""
    for number, view in enumerate(views):
        if len(view) != len(sequences):
            raise HeadError(f"view {number} has {len(view)} videos for {len(sequences)}")
    first = sequences[0]
    return [check_sequences(view, first.shape[1:], maps=first.ndim == 5) for view in views]


def check_fit(
    x: Sequences, y: ArrayLike, least: int = 2, *, maps: bool = False
) -> tuple[list[NDArray[np.float32]], NDArray[np.float64]]:
    """Checked training videos and scores; `least` is the fewest videos that can be fitted."""
    sequences, scores = check_sequences(x, maps=maps), np.asarray(y, np.float64)
    if scores.shape != (len(sequences),) or not np.isfinite(scores).all():
        raise HeadError(
            f"expected {len(sequences)} finite scores, one a video; got shape {scores.shape}"
        )
    if len(sequences) < least:
        raise HeadError(f"{len(sequences)} training videos; it takes {least} or more to fit")
    return sequences, scores


def name_of(video: int, ids: Sequence[str] | None) -> str:
    """What an error calls the video of this number."""
    return f"video number {video}" if ids is None else ids[video]


def check_column(
    name: str, values: Sequence[Any] | None, n: int, ids: Sequence[str] | None = None
) -> list[Any]:
    """A column's values, one a video, or `HeadError` with the videos that have none.

    values: None, or an empty tuple, mapping or text, for a video without. ids: what the error
    calls the videos.
    """
    where = {"judges": "columns judge_1, judge_2, ...", "stages": "columns stage_<name>"}
    given = [None] * n if values is None else list(values)
    if len(given) != n:
        raise HeadError(f"{len(given)} values of {name} for {n} videos; give one a video")
    without = [
        i for i, v in enumerate(given) if v is None or (hasattr(v, "__len__") and not len(v))
    ]
    if without:
        who = f"numbers {listed(without)}" if ids is None else listed(ids[i] for i in without)
        raise HeadError(
            f"{len(without)} of {n} videos have no {name} ({who}): fill in the "
            f"manifest's {where.get(name, f'column {name}')}, or take another head"
        )
    return given


def describe_params(head: type[BaseHead]) -> str:
    """One line a hyper-parameter: name, default and meaning."""
    return "\n".join(
        f"  {field.name}={field.default}  {field.metadata.get('help', '')}"
        for field in dataclasses.fields(head)
    )


def parse_params(head: type[BaseHead], texts: Sequence[str]) -> dict[str, Any]:
    """Turn `name=value` texts into hyper-parameters; every mistake is reported at once.

    >>> from aqa.models.heads.svr import SVRHead
    >>> parse_params(SVRHead, ["C=10", "kernel=linear"])
    {'C': 10.0, 'kernel': 'linear'}
    """
    names = [field.name for field in dataclasses.fields(head)]
    hints = typing.get_type_hints(head)
    values: dict[str, Any] = {}
    problems = []
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            problems.append(f"{text!r} is not name=value")
        elif name not in names:
            problems.append(f"no parameter {name!r}; {did_you_mean(name, names)}")
        else:
            try:
                values[name] = _parse(value, hints[name])
            except ValueError as error:
                problems.append(f"{name}={value!r} is not {error}")
    if problems:
        raise HeadError(
            "; ".join(problems) + f"\nparameters of {head.__name__}:\n{describe_params(head)}"
        )
    return values


def _parse(text: str, hint: Any) -> Any:
    kinds = _kinds(hint)
    if types.NoneType in typing.get_args(hint) and text.lower() == "none":
        return None
    if str in kinds or text in _words(kinds):
        return text
    if bool in kinds and text.lower() in ("true", "false"):
        return text.lower() == "true"
    for kind in (int, float):
        if kind in kinds:
            with contextlib.suppress(ValueError):
                return kind(text)
    raise ValueError(_expected(kinds))
