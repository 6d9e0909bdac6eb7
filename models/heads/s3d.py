"""S3D: the average of each stage, joined, and an SVR (xiang2018).

"Stacking segmental P3D", as jain2020 §II-A and V-C describe and compare it. Not the
separable-3D network of the same name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler

from aqa.annotations.group_drawing import each_by_itself
from aqa.errors import HeadUsageError, listed
from aqa.models.examples import Examples
from aqa.models.heads.base import (
    Head,
    HeadError,
    State,
    called,
    check_column,
    check_fit,
    check_params,
    check_sequences,
    pack_texts,
    param,
    params_of,
    part_of,
    shared_params,
    under,
    unpack_texts,
)
from aqa.models.heads.base.vector_svr import Groups, Matrix, VectorSVR
from aqa.models.heads.kfs import KFSHead, check_stride
from aqa.models.training.hold_out import folds

if TYPE_CHECKING:
    from typing_extensions import Self

RIDGES = np.logspace(-4, 4, 17)


@dataclass(repr=False, eq=False)
@params_of(VectorSVR)
class S3DHead(Head):
    """Clips averaged within each stage, the stages stacked, then an SVR or linear regression.

    A clip counts in a stage by the frames that it shows of it; a stage of which no clip shows a
    frame takes the clip nearest to it (ours). The authors fine-tune a network for each stage; here
    the stored features of one network stand for all. Frames before the first stage are left out.
    Fitted besides: `kfs_`, the head of `--from` that finds the stages, or None; `svr_`, or
    `weights_` and `intercept_`.
    """

    bounds: Literal["manifest", "fractions", "clips"] = param(
        "manifest",
        "where stages begin: the manifest's columns stage_<name> (or the fitted kfs "
        "of --from), fractions of the video, or each stored clip is a stage",
        source="xiang2018; fractions, clips: ours",
    )
    fractions: str = param(
        "0,0.25,0.5,0.75",
        "for bounds=fractions: where in the video each stage begins",
        source="ours",
    )
    join: Literal["stack", "average"] = param(
        "stack",
        "stack the averages of the stages into one vector, or average them",
        source="stack: xiang2018; average: ours",
    )
    regressor: Literal["svr", "linear"] = param(
        "svr",
        "support vector regression, or linear regression with a ridge chosen by "
        "leave-one-out error (by folds, where the manifest tells who are of one athlete)",
        source="xiang2018, the authors' code",
    )

    columns: ClassVar[tuple[str, ...]] = ("id", "clips", "stages")
    starts_from: ClassVar[str | None] = "kfs"
    fitted: ClassVar[tuple[str, ...]] = ("width_", "stage_names_", "stage_count_")

    def fit_examples(
        self,
        train: Examples,
        validation: Examples | None = None,
        *,
        others: Examples | None = None,
        start: Head | None = None,
    ) -> Self:
        """See `Head.fit_examples`; validation videos are not used."""
        sequences, scores = check_fit(train.features, train.scores, least=4, ids=train.ids)
        check_params(self)
        self._fractions()  # refused also where they are not used
        if start is not None and self.bounds != "manifest":
            raise HeadUsageError(
                f"bounds={self.bounds} needs no head to find stages; leave out --from"
            )
        assert start is None or isinstance(start, KFSHead)
        self.kfs_ = start
        self.width_ = np.asarray(sequences[0].shape[1])
        names: list[str] = []
        if start is not None:
            check_stride(start, self._ranges(train))
            names = list(start.stages[1:])
        elif self.bounds == "manifest":
            names = list(_column("stages", train)[0])
        self.stage_names_ = pack_texts(names)
        counts = {"manifest": len(names), "clips": len(sequences[0])}
        self.stage_count_ = np.asarray(counts.get(self.bounds) or len(self._fractions()))
        vectors = self._vectors(train)
        if self.regressor == "svr":
            self.svr_ = self._new_svr().fit(_rounded(vectors), scores, train.groups)
            self.history_, self.best_params_ = self.svr_.history_, self.svr_.best_params_
        else:
            self._fit_linear(vectors, scores, train.groups)
        return self

    def predict_examples(self, examples: Examples) -> Matrix:
        """See `Head.predict_examples`."""
        self.check_fitted()
        vectors = self._vectors(examples)
        if self.regressor == "svr":
            return self.svr_.predict(_rounded(vectors))
        scores: Matrix = vectors @ self.weights_ + self.intercept_
        return scores

    def needed_columns(self, start: Head | None = None) -> tuple[str, ...]:
        """See `Head.needed_columns`: hand-labelled stages, where nothing else tells them."""
        return ("stages",) if self.bounds == "manifest" and start is None else ()

    @property
    def answer_columns(self) -> tuple[str, ...]:
        """See `Head.answer_columns`: where the stages come from."""
        told = self.bounds == "manifest" and getattr(self, "kfs_", None) is None
        return self.columns if told else ("id", "clips")

    def state(self) -> State:
        """See `Head.state`; the SVR is under `svr.`, the kfs under `kfs.`."""
        state = super().state()
        if self.kfs_ is not None:
            state |= under("kfs", self.kfs_.state())
        if self.regressor == "svr":
            return state | under("svr", self.svr_.state())
        return state | {"weights": self.weights_, "intercept": self.intercept_}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> Self:
        """See `Head.restore`."""
        super().restore(state)
        kfs = part_of("kfs", state)
        self.kfs_ = KFSHead().restore(kfs) if kfs else None
        if self.regressor == "svr":
            self.svr_ = self._new_svr().restore(part_of("svr", state))
        else:
            self.weights_, self.intercept_ = state["weights"], state["intercept"]
        return self

    def _new_svr(self) -> VectorSVR:
        return VectorSVR(**shared_params(self, VectorSVR))

    def _fit_linear(self, vectors: Matrix, scores: Matrix, groups: Groups) -> None:
        # Without groups RidgeCV leaves one out, and its criterion is the squared error too.
        parted = not each_by_itself(groups)
        held_out = folds(len(scores), self.folds, self.seed, groups) if parted else None
        criterion = "neg_mean_squared_error" if parted else None
        scaler = StandardScaler().fit(vectors)
        # The ridge is of squared weights beside the summed error; its range fits every width.
        scale = scaler.scale_ * np.sqrt(vectors.shape[1])
        model = RidgeCV(RIDGES, cv=held_out, scoring=criterion).fit(
            (vectors - scaler.mean_) / scale, scores
        )
        self.weights_ = model.coef_ / scale
        self.intercept_ = np.asarray(model.intercept_ - scaler.mean_ @ self.weights_)
        self.best_params_ = {"ridge": float(model.alpha_)}
        name = "cv_mse" if parted else "loo_mse"
        self.history_ = [{**self.best_params_, name: float(-model.best_score_)}]

    def _vectors(self, examples: Examples) -> Matrix:
        """The averages of each video's stages, joined: (n, stages * dim) or (n, dim)."""
        x = check_sequences(examples.features, int(self.width_), ids=examples.ids)
        if self.bounds == "clips":
            averages = [sequence.astype(np.float64) for sequence in x]
            for name, sequence in zip(examples.ids, x, strict=True):
                if len(sequence) != self.stage_count_:
                    raise HeadError(
                        f"{called(name)} has {len(sequence)} clips, the first training video "
                        f"{self.stage_count_}; with bounds=clips each clip is a stage"
                    )
        else:
            ranges, begins = self._ranges(examples), self._begins(examples)
            averages = [stage_averages(*video) for video in zip(x, ranges, begins, strict=True)]
        if self.join == "average":
            return np.stack([average.mean(axis=0) for average in averages])
        return np.stack([average.ravel() for average in averages])

    def _ranges(self, examples: Examples) -> list[NDArray[Any]]:
        """The half-open ranges of frames of the clips of each video, (n_clips, 2).

        Fractions of a video can do without them: a clip then counts as one frame.
        """
        if "clips" not in examples.columns and self.bounds == "fractions":
            starts = [np.arange(len(sequence)) for sequence in examples.features]
            return [np.column_stack([clip_numbers, clip_numbers + 1]) for clip_numbers in starts]
        return [np.asarray(ranges) for ranges in _column("clips", examples)]

    def _begins(self, examples: Examples) -> list[Matrix]:
        """The first frame of each stage of each video, (stages,)."""
        if self.kfs_ is not None:
            ranges = self._ranges(examples)
            ends = [int(clip_ranges[:, 1].max()) for clip_ranges in ranges]
            starts = self.kfs_.starts(examples.features, clips=ranges, n_frames=ends)
            return [
                stage_starts[1:].astype(float) for stage_starts in starts
            ]  # without the time before
        if self.bounds == "fractions":
            fractions = np.array(self._fractions())
            return [fractions * clip_ranges[:, 1].max() for clip_ranges in self._ranges(examples)]
        names = unpack_texts(self.stage_names_)
        stages = _column("stages", examples)
        others = [
            f"{name} ({', '.join(own)})"
            for name, own in zip(examples.ids, stages, strict=True)
            if list(own) != names
        ]
        if others:
            raise HeadError(
                f"{len(others)} of {len(stages)} videos have other stages than the first training "
                f"video, {', '.join(names)}: {listed(others)}; fill in the manifest's columns "
                "stage_<name>, or leave such videos out with --skip-incomplete"
            )
        return [np.array(list(own.values()), float) for own in stages]

    def _fractions(self) -> list[float]:
        try:
            begins = [float(text) for text in self.fractions.split(",")]
        except ValueError:
            begins = []
        if not begins or min(begins) < 0 or max(begins) >= 1 or sorted(set(begins)) != begins:
            raise HeadUsageError(
                f"fractions={self.fractions!r} is not rising numbers from 0 to below 1, as 0,0.5"
            )
        return begins


def _column(name: str, examples: Examples) -> list[Any]:
    return check_column(name, examples.columns.get(name), len(examples), examples.ids)


def _rounded(vectors: Matrix) -> Matrix:
    """To single precision, in which the SVR of saved runs was fitted."""
    return vectors.astype(np.float32).astype(np.float64)


def stage_averages(
    x: NDArray[np.floating], clips: NDArray[Any], begins: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Each stage's average clip, (stages, dim), clips weighted by the frames they show of it.

    x: (n_clips, dim). clips: (n_clips, 2), half-open. begins: the stages' first frames, rising;
    the last stage has no end.
    """
    ends = np.append(begins[1:], np.inf)
    first, last = clips[:, :1], clips[:, 1:]  # (n_clips, 1)
    shown = np.clip(np.minimum(last, ends) - np.maximum(first, begins), 0, None)  # (clips, stages)
    away = np.maximum(np.maximum(begins - last, first - ends), 0)
    nearest = away == away.min(axis=0)
    weights = np.where(shown.sum(axis=0) > 0, shown, nearest)
    return (weights / weights.sum(axis=0)).T @ x.astype(np.float64)


HEAD = S3DHead
