"""S3D: the average of each stage, joined, and an SVR (xiang2018).

Xiang et al. 2018, "Stacking segmental P3D", as jain2020 §II-A and V-C describe and compare it. Not
the separable-3D network of the same name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler

from aqa.models.heads.base import (
    Head,
    HeadError,
    Sequences,
    State,
    check_column,
    check_fit,
    check_params,
    check_sequences,
    name_of,
    pack_texts,
    param,
    part_of,
    under,
    unpack_texts,
)
from aqa.models.heads.kfs import KFSHead, check_stride
from aqa.models.heads.svr import SVRParams

RIDGES = np.logspace(-4, 4, 17)


@dataclass(repr=False, eq=False)
class S3DHead(SVRParams, Head):
    """Clips averaged within each stage, the stages stacked, then an SVR or linear regression.

    A clip counts in a stage by the frames it shows of it; a stage of which no clip shows a frame
    takes the clip nearest to it (ours). The authors fine-tune a network for each stage; here one
    network's stored features stand for all. Frames before the first stage are left out. Fitted
    besides: `kfs_`, the head that `--from` named to tell the stages; None without.
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
        "leave-one-out error",
        source="xiang2018, the authors' code",
    )

    columns: ClassVar[tuple[str, ...]] = ("id", "clips", "stages")
    starts_from: ClassVar[str | None] = "kfs"
    fitted: ClassVar[tuple[str, ...]] = ("width_", "stage_names_", "stage_count_")

    def fit(
        self,
        x: Sequences,
        y: ArrayLike,
        validation: tuple[Any, ...] | None = None,
        *,
        id: Sequence[str] | None = None,
        clips: Sequence[ArrayLike] | None = None,
        stages: Sequence[Mapping[str, int]] | None = None,
        start: KFSHead | None = None,
    ) -> S3DHead:
        """See `Head.fit`.

        id, clips, stages: see `BaseHead` and `Video`; ids are for errors. start: a fitted head
        that tells the stages. validation is not used.
        """
        sequences, scores = check_fit(x, y, least=4)
        check_params(self)
        if start is not None and self.bounds != "manifest":
            raise HeadError(f"bounds={self.bounds} needs nobody to tell stages; leave out --from")
        self.kfs_ = start
        self.width_ = np.asarray(sequences[0].shape[1])
        names: list[str] = []
        if start is not None:
            ranges = [np.asarray(own) for own in check_column("clips", clips, len(sequences))]
            check_stride(start, ranges)
            names = list(start.stages[1:])
        elif self.bounds == "manifest":
            names = list(check_column("stages", stages, len(sequences), id)[0])
        self.stage_names_ = pack_texts(names)
        counts = {"manifest": len(names), "clips": len(sequences[0])}
        self.stage_count_ = np.asarray(counts.get(self.bounds) or len(self._fractions()))
        joined = self._joined(sequences, id, clips, stages)
        if self.regressor == "svr":
            self.svr_ = self.make_svr().fit(joined, scores)
            self.history_, self.best_params_ = self.svr_.history_, self.svr_.best_params_
        else:
            self._fit_linear(np.concatenate(joined), scores)
        return self

    def predict(
        self,
        x: Sequences,
        *,
        id: Sequence[str] | None = None,
        clips: Sequence[ArrayLike] | None = None,
        stages: Sequence[Mapping[str, int]] | None = None,
    ) -> NDArray[np.float64]:
        """See `Head.predict`. id, clips, stages: as for `fit`."""
        joined = self._joined(check_sequences(x, int(self.width_)), id, clips, stages)
        if self.regressor == "svr":
            return self.svr_.predict(joined)
        scores: NDArray[np.float64] = np.concatenate(joined) @ self.weights_ + self.intercept_
        return scores

    @property
    def answer_columns(self) -> tuple[str, ...]:
        """See `BaseHead.answer_columns`: where the stages come from."""
        told = self.bounds == "manifest" and getattr(self, "kfs_", None) is None
        return self.columns if told else ("id", "clips")

    def state(self) -> State:
        """See `BaseHead.state`; the SVR's arrays are under `svr.`, the kfs's under `kfs.`."""
        state = super().state()
        if self.kfs_ is not None:
            state |= under("kfs", self.kfs_.state())
        if self.regressor == "svr":
            return state | under("svr", self.svr_.state())
        return state | {"weights": self.weights_, "intercept": self.intercept_}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> S3DHead:
        """See `BaseHead.restore`."""
        super().restore(state)
        kfs = part_of("kfs", state)
        self.kfs_ = None
        if kfs:
            self.kfs_ = KFSHead()
            self.kfs_.restore(kfs)
        if self.regressor == "svr":
            self.svr_ = self.make_svr()
            self.svr_.restore(part_of("svr", state))
        else:
            self.weights_, self.intercept_ = state["weights"], state["intercept"]
        return self

    def _fit_linear(self, joined: NDArray[np.float64], scores: NDArray[np.float64]) -> None:
        scaler = StandardScaler().fit(joined)
        # The ridge is of squared weights beside the summed error; its range fits every width.
        scale = scaler.scale_ * np.sqrt(joined.shape[1])
        model = RidgeCV(RIDGES).fit((joined - scaler.mean_) / scale, scores)
        self.weights_ = model.coef_ / scale
        self.intercept_ = np.asarray(model.intercept_ - scaler.mean_ @ self.weights_)
        self.best_params_ = {"ridge": float(model.alpha_)}
        self.history_ = [{**self.best_params_, "loo_mse": float(-model.best_score_)}]

    def _joined(
        self,
        x: list[NDArray[np.float32]],
        id: Sequence[str] | None,
        clips: Sequence[ArrayLike] | None,
        stages: Sequence[Mapping[str, int]] | None,
    ) -> list[NDArray[np.float64]]:
        """One row a video, (1, stages * dim) or (1, dim), as heads take sequences."""
        if self.bounds == "clips":
            averages = [sequence.astype(np.float64) for sequence in x]
            for i, sequence in enumerate(x):
                if len(sequence) != self.stage_count_:
                    raise HeadError(
                        f"{name_of(i, id)} has {len(sequence)} clips, the first training video "
                        f"{self.stage_count_}; with bounds=clips each clip is a stage"
                    )
        else:
            frames = self._frames(x, clips)
            begins = self._begins(x, id, frames, stages)
            averages = [stage_averages(*video) for video in zip(x, frames, begins, strict=True)]
        if self.join == "average":
            return [average.mean(axis=0, keepdims=True) for average in averages]
        return [average.reshape(1, -1) for average in averages]

    def _frames(
        self, x: list[NDArray[np.float32]], clips: Sequence[ArrayLike] | None
    ) -> list[NDArray[Any]]:
        """The frames behind each clip; fractions can be told without, a clip counting as one."""
        if clips is None and self.bounds == "fractions":
            starts = [np.arange(len(sequence)) for sequence in x]
            return [np.column_stack([own, own + 1]) for own in starts]
        return [np.asarray(own) for own in check_column("clips", clips, len(x))]

    def _begins(
        self,
        x: list[NDArray[np.float32]],
        id: Sequence[str] | None,
        clips: list[NDArray[Any]],
        stages: Sequence[Mapping[str, int]] | None,
    ) -> list[NDArray[np.float64]]:
        """The first frame of each stage, (stages,) a video."""
        if self.kfs_ is not None:
            ends = [int(own[:, 1].max()) for own in clips]
            starts = self.kfs_.starts(x, clips=clips, n_frames=ends)
            return [own[1:].astype(float) for own in starts]  # without the time before
        if self.bounds == "fractions":
            return [np.array(self._fractions()) * own[:, 1].max() for own in clips]
        names = unpack_texts(self.stage_names_)
        begins = []
        for i, own_stages in enumerate(check_column("stages", stages, len(clips), id)):
            if list(own_stages) != names:
                raise HeadError(
                    f"{name_of(i, id)} has the stages {', '.join(own_stages)}, the first training "
                    f"video {', '.join(names)}; fill in the manifest's columns stage_<name>"
                )
            begins.append(np.array(list(own_stages.values()), float))
        return begins

    def _fractions(self) -> list[float]:
        try:
            begins = [float(text) for text in self.fractions.split(",")]
        except ValueError:
            begins = []
        if not begins or min(begins) < 0 or max(begins) >= 1 or sorted(set(begins)) != begins:
            raise HeadError(
                f"fractions={self.fractions!r} is not rising numbers from 0 to below 1, as 0,0.5"
            )
        return begins


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
