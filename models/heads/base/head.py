"""What every head is: a scikit-learn estimator on videos' sequences of clip features."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.metadata_routing import MetadataRequest

from aqa.errors import HeadError
from aqa.models.examples import Examples, Sequences
from aqa.models.heads.base.answers import Answer, Explanation
from aqa.models.heads.base.arrays import State
from aqa.models.heads.base.checks import UnfittedHeadError, check_fit, check_sequences
from aqa.models.heads.base.params import param
from aqa.models.heads.base.routing import column_requests

if TYPE_CHECKING:
    from torch import nn
    from typing_extensions import Self

Kind = Literal["scores", "pairs", "stages"]
Validation = Examples | tuple[Any, ...]

_DOES = {"pairs": "compares two videos", "stages": "tells the stages of videos"}


@dataclasses.dataclass(repr=False, eq=False)
class Head(RegressorMixin, BaseEstimator):
    """Clip features in, a score out (or pairs compared, or stages told: see `kind`).

    Write a dataclass that inherits from it, with either pair of methods: `fit_examples` and
    `predict_examples` on `Examples`, or `fit(self, x, y, validation=None, **columns)` and
    `predict(self, x, **columns)` as scikit-learn has them; the other pair follows. The fields of
    the dataclass, made with `param`, are the hyper-parameters. Fitting forgets an earlier fit, and
    leaves what it learned in attributes that end in `_`. `history_`, where there is one, holds a
    row for each step of a search or a training.

    kind: what the answers are and are evaluated as. takes: the features that it is fitted on.
    fitted: the names of the attributes that answering needs and that a saved model holds.
    columns: the attributes of `Video`, and `id`, `clips` and `definition`, that it learns from; see
    `Examples`.
    starts_from: the head whose fitted run it can start from (`aqa fit --from`). takes_views: it
    learns from the store's augmentations too. takes_blank: it learns from the feature of a clip of
    black frames. takes_groups: its `fit`, if it writes that, is given `Examples.groups` as groups.
    takes_joints: a video is the places of a body's joints, one "clip" per frame
    (`aqa extract --backbone pose`), of width 2 x joints: x, y of the first joint, x, y of the next.
    end_to_end: what trains it together with a backbone (`aqa finetune`), `OneNetworkAdapter` for a
    head whose `fit` trains one network and nothing else; None: it cannot be. transferable: `fit`
    trains one network from clips' vectors to scores and nothing else (`aqa transfer`).
    """

    seed: int = param(0, "seed of all random numbers in fitting", low=0, below=2**32)

    kind: ClassVar[Kind] = "scores"
    takes: ClassVar[Literal["vectors", "maps"]] = "vectors"
    fitted: ClassVar[tuple[str, ...]] = ()
    columns: ClassVar[tuple[str, ...]] = ()
    starts_from: ClassVar[str | None] = None
    takes_views: ClassVar[bool] = False
    takes_blank: ClassVar[bool] = False
    takes_groups: ClassVar[bool] = False
    takes_joints: ClassVar[bool] = False
    end_to_end: ClassVar[Any] = None
    transferable: ClassVar[bool] = False

    def __init_subclass__(cls, **options: Any) -> None:
        """Let the method that a class writes stand for its twin, whatever its bases write."""
        super().__init_subclass__(**options)
        _drop_metadata_requests(cls)
        for plain, twin in (("fit", "fit_examples"), ("predict", "predict_examples")):
            if plain in cls.__dict__ and twin not in cls.__dict__:
                setattr(cls, twin, getattr(Head, f"_{twin}"))
            elif twin in cls.__dict__ and plain not in cls.__dict__:
                setattr(cls, plain, Head.__dict__[plain])

    # Fitting and predicting ----------------------------------------------------------------------

    def fit_examples(
        self,
        train: Examples,
        validation: Examples | None = None,
        *,
        others: Examples | None = None,
        start: Head | None = None,
    ) -> Self:
        """Learn from training videos.

        validation: videos that a head may stop by; without them it holds out training videos where
        it needs to. others: the videos of the parts that `also_shown` names. start: a fitted head
        of `starts_from`.
        """
        raise NotImplementedError(f"{type(self).__name__} writes neither fit_examples nor fit")

    def predict_examples(self, examples: Examples) -> NDArray[np.float64]:
        """Scores in points, (n,)."""
        if self.kind != "scores":
            raise HeadError(f"{type(self).__name__} {_DOES[self.kind]} and scores none")
        raise NotImplementedError(
            f"{type(self).__name__} writes neither predict_examples nor predict"
        )

    def fit(
        self,
        x: Sequences,
        y: ArrayLike,
        validation: Validation | None = None,
        *,
        others: Validation | None = None,
        start: Head | None = None,
        **columns: Any,
    ) -> Self:
        """Learn from plain arrays, as scikit-learn has it; see `fit_examples`.

        x: one (n_clips, dim) per video. y: (n,) scores in points. validation, others: `Examples`,
        or (x, y) or (x, y, columns). columns: by name; `views`, `blank` and `groups` as
        `Examples.of` takes them.
        """
        train = Examples.of(x, y, **columns)
        options = fit_options(others=_examples(others), start=start)
        return self.fit_examples(train, _examples(validation), **options)

    def predict(self, x: Sequences, **columns: Any) -> NDArray[np.float64]:
        """Scores in points, (n,), of plain arrays; see `predict_examples`."""
        return self.predict_examples(Examples.of(x, **columns))

    def score(
        self,
        x: Sequences,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        **columns: Any,
    ) -> float:
        """R squared of the scores of plain arrays, as scikit-learn has it."""
        return float(r2_score(y, self.predict(x, **columns), sample_weight=sample_weight))

    def get_metadata_routing(self) -> MetadataRequest:
        """The columns that scikit-learn hands on, where its metadata routing is switched on."""
        return column_requests(self, self.columns, self.answer_columns)

    # What is recorded, saved and restored --------------------------------------------------------

    @property
    def params(self) -> dict[str, Any]:
        """The hyper-parameters, for the run's record."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}

    @property
    def answer_columns(self) -> tuple[str, ...]:
        """Those of `columns` that answering takes; all of them, by default.

        What a head learns from, such as judges' marks, a new video need not have.
        """
        return self.columns

    def needed_columns(self, start: Head | None = None) -> tuple[str, ...]:
        """Those of `columns` that every training video must have a value of, where any has one.

        `aqa fit --skip-incomplete` leaves out the videos that lack some. start: the fitted head
        that fitting starts from, which may stand for labels.
        """
        return ()

    @property
    def takes_logistic(self) -> bool:
        """Whether it can learn two classes by loss=logistic; others learn 0 and 1 as scores."""
        return False

    @property
    def says_probability(self) -> bool:
        """Whether its answers are probabilities of the good one of two classes, and no scores."""
        return False

    @property
    def takes_pairs(self) -> bool:
        """Whether it can learn who is better from pairs of videos, see `Examples.pairs`."""
        return False

    @property
    def learns_difficulty(self) -> bool:
        """Whether it takes the difficulty as a part of the score, so that nothing else may."""
        return "difficulty" in self.columns

    @property
    def also_shown(self) -> tuple[str, ...]:
        """Further parts of the split that `fit_examples` takes as `others`."""
        return ()

    @property
    def gives(self) -> tuple[Answer, ...]:
        """What it can answer beside scores, with these hyper-parameters; see `answers`.

        quantiles, attributes, commentary: the methods of these names. parts: `parts` and
        `true_parts`. clips: `explain`. joints: `gradient`. aspects: `aspect_points`.
        """
        return ()

    @property
    def chosen(self) -> dict[str, Any]:
        """What fitting settled on, for the run's record."""
        self.check_fitted()
        names = ("best_params_", "best_epoch_")
        return {name.rstrip("_"): getattr(self, name) for name in names if hasattr(self, name)}

    @property
    def learned_from_others(self) -> tuple[str, ...]:
        """The ids of those of `others` that the fitted head has learned from."""
        return ()

    @property
    def held_out(self) -> NDArray[np.intp]:
        """The numbers of the training videos that the last fit held out to stop by.

        Empty where it held out none, or where the head was not fitted here but restored.
        """
        return np.arange(0)

    @property
    def unseen(self) -> NDArray[np.intp]:
        """Those of `held_out` that it has not learned from since: all, or with a refit none."""
        return self.held_out

    def before_refit(self) -> Self:
        """The head as it was before it learned from what it had held out; else the head itself.

        What is calibrated on `held_out`, such as a threshold, takes the answers of this one. It is
        known until the head is saved.
        """
        return self

    def state(self) -> State:
        """The fitted arrays by name, without the underscore."""
        self.check_fitted()
        self._check_named()
        state = {name.rstrip("_"): np.asarray(getattr(self, name)) for name in self.fitted}
        if hasattr(self, "clip_shape_"):
            state["clip_shape"] = np.asarray(self.clip_shape_, np.int64)
        return state

    def restore(self, state: Mapping[str, NDArray[Any]]) -> Self:
        """Become the fitted head that `state` was taken from."""
        for name in self.fitted:
            setattr(self, name, np.asarray(state[name.rstrip("_")]))
        self.__dict__.pop("clip_shape_", None)
        if "clip_shape" in state:
            self.clip_shape_ = tuple(state["clip_shape"].tolist())
        return self

    def check_fitted(self) -> None:
        """Raise `UnfittedHeadError` where an attribute of `fitted` is missing."""
        own = vars(self)
        missing = [n for n in self.fitted if n not in own and not hasattr(type(self), n)]
        if missing:
            raise UnfittedHeadError(
                f"{type(self).__name__} is not fitted (it has no {missing[0]}): call its fit first"
            )

    if not TYPE_CHECKING:  # which takes it for a sign that any attribute may be there

        def __getattr__(self, name: str) -> NoReturn:
            """Raise `UnfittedHeadError` for what fitting leaves, and for properties that need it.

            That is an `AttributeError` too, so that `hasattr` is as ever.
            """
            if not name.startswith("__") and (name.endswith("_") or hasattr(type(self), name)):
                self.check_fitted()
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __sklearn_is_fitted__(self) -> bool:
        """Whether it can answer, for scikit-learn's `check_is_fitted`."""
        try:
            self.check_fitted()
        except UnfittedHeadError:
            return False
        return True

    def _check_named(self) -> None:
        """Raise `HeadError` where a head has learned something and names nothing to save."""
        kept = ("clip_shape_", "history_", "held_out_")
        learned = [name for name in vars(self) if name.endswith("_") and name not in kept]
        if learned and not self.fitted and type(self).state is Head.state:
            raise HeadError(
                f"{type(self).__name__} names nothing that a run saves; write "
                f"fitted = ({', '.join(map(repr, learned))},) in the class"
            )

    # Explanations; a head that `gives` them writes the method ------------------------------------

    def explain(self, examples: Examples, *, align: str = "index") -> Explanation:
        """How each clip of one video bears on its score; see `ExplainsClips`."""
        self.cannot_explain("it knows nothing of single clips")

    def gradient(self, examples: Examples) -> NDArray[np.float64]:
        """How the score of one video grows with the place of each joint; see `ExplainsJoints`."""
        self.cannot_explain("it has no gradient by the joints")

    def cannot_explain(self, why: str) -> NoReturn:
        """Raise the line that says so and what to use."""
        raise HeadError(
            f"{type(self).__name__} gives no feedback: {why}; "
            "use --head score-estimation, wd, average, uil, pose-dct, pose-dft, st-gcn or aspects, "
            "or --head lstm fitted with -p label=incremental"
        )

    # Use elsewhere --------------------------------------------------------------------------------

    def score_graph(self) -> nn.Module:
        """How it scores, as one network: float32 (clips, dim) of one video -> (), in points.

        `HeadError` for a head that is no such network. `aqa export` holds it against
        `predict_examples` before it writes it.
        """
        self.cannot_be_exported("it is not written as one network from a video's clips to a score")

    def cannot_be_exported(self, why: str) -> NoReturn:
        """Raise the line that says so and what to use."""
        raise HeadError(
            f"{type(self).__name__} cannot be exported: {why}; use --head average, cofinal, gdlt, "
            "lstm, lstm-svr, mtl, musdl, svr, uil, usdl or wd, or hand the run on with `aqa pack`"
        )

    # Heads that are written as scikit-learn has them ---------------------------------------------

    def _fit_examples(
        self,
        train: Examples,
        validation: Examples | None = None,
        *,
        others: Examples | None = None,
        start: Head | None = None,
    ) -> Self:
        """`fit_examples` of a class that writes `fit`: checked arrays, and the columns it names."""
        maps = self.takes == "maps"
        x, y = check_fit(train.features, train.scores, maps=maps, ids=train.ids)
        options: dict[str, Any] = dict(train.only(self.columns))
        if validation is not None and len(validation):
            options["validation"] = self._plain(validation)
        if others is not None:
            options["others"] = self._plain(others)
        if start is not None:
            options["start"] = start
        if self.takes_views and train.views:
            options["views"] = train.views
        if self.takes_blank:
            options["blank"] = train.blank
        if self.takes_groups and train.groups is not None:
            options["groups"] = train.groups
        self.fit(x, y, **options)
        self.clip_shape_ = x[0].shape[1:]
        return self

    def _predict_examples(self, examples: Examples) -> NDArray[np.float64]:
        """`predict_examples` of a class that writes `predict`."""
        self.check_fitted()
        shape, maps = getattr(self, "clip_shape_", None), self.takes == "maps"
        x = check_sequences(examples.features, shape, maps=maps, ids=examples.ids)
        return np.asarray(self.predict(x, **examples.only(self.answer_columns)), np.float64)

    def _plain(self, examples: Examples) -> tuple[Any, ...]:
        """Features, scores and the columns it names, as `fit` takes other videos."""
        maps = self.takes == "maps"
        x, y = check_fit(examples.features, examples.scores, least=1, maps=maps, ids=examples.ids)
        return x, y, examples.only(self.columns)


def fit_options(**options: Any) -> dict[str, Any]:
    """Those of the options of `fit_examples` that are given; a head need not take the others."""
    return {name: value for name, value in options.items() if value is not None}


def _examples(given: Validation | None) -> Examples | None:
    """Other videos than the training ones, however they were given; None where there are none."""
    if given is None or isinstance(given, Examples):
        return given
    x, y, *columns = given
    return Examples.of(x, y, **dict(*columns)) if len(x) else None


def _drop_metadata_requests(kind: type) -> None:
    """Take away the methods that scikit-learn makes for metadata routing, which nobody calls here.

    They would fill half of `help()`.
    """
    for name in [n for n in vars(kind) if n.startswith("set_") and n.endswith("_request")]:
        delattr(kind, name)


_drop_metadata_requests(Head)
