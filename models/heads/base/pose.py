"""What heads on the joints of a body share: trajectories to a vector per video, SVR on that."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from aqa.models.examples import Examples, Sequences
from aqa.models.heads.base import (
    Answer,
    Head,
    HeadError,
    State,
    called,
    check_fit,
    check_params,
    check_sequences,
    param,
    params_of,
    shared_params,
)
from aqa.models.heads.base.vector_svr import Matrix, VectorSVR

if TYPE_CHECKING:
    from typing_extensions import Self


@dataclass(repr=False, eq=False)
@params_of(VectorSVR)
class PoseHead(Head):
    """Describes trajectories of joints, relative to one joint, in each window; SVR on that.

    A sequence is (frames, coordinates x joints). Fitted: `dim_`, its width, and `svr_`.
    """

    kernel: Literal["rbf", "linear"] = param(
        "linear",
        "kernel of the support vector regression",
        source="pirsiavash2014; jain2020 names none",
    )
    root_joint: int = param(
        0,
        "number of the joint that all positions are relative to; 0 is the nose or the "
        "head in COCO and OpenPose",
        source="jain2020 §II-A",
        low=0,
    )
    windows: int = param(
        1,
        "windows of equal length that are described separately",
        source="jain2020 §II-A; the number is ours",
    )

    coordinates: int = param(
        2,
        "of each joint: 2 (x, y) or 3 (x, y, z); aqa fit takes it from the store",
        source="ours; the papers have x and y",
        low=2,
    )

    takes_joints: ClassVar[bool] = True
    fitted: ClassVar[tuple[str, ...]] = ("svr_", "dim_")

    @abstractmethod
    def describe(self, series: Matrix) -> Matrix:
        """Numbers for each series of a window, (frames, series) -> (numbers, series)."""

    @property
    def least_frames(self) -> int:
        """The fewest frames of a window that can be described."""
        return 1

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
        vectors = self.vectors(sequences, train.ids)
        self.svr_ = VectorSVR(**shared_params(self, VectorSVR)).fit(vectors, scores, train.groups)
        self.history_, self.best_params_ = self.svr_.history_, self.svr_.best_params_
        self.dim_ = np.asarray(sequences[0].shape[1])
        return self

    def predict_examples(self, examples: Examples) -> Matrix:
        """See `Head.predict_examples`."""
        self.check_fitted()
        sequences = check_sequences(examples.features, int(self.dim_), ids=examples.ids)
        return self.svr_.predict(self.vectors(sequences, examples.ids))

    def vectors(self, sequences: Sequences, ids: Sequence[str] | None = None) -> Matrix:
        """The descriptions of all windows of each video, (n, dim); ids: names for errors."""
        names = [f"row {i}" for i in range(len(sequences))] if ids is None else ids
        named = zip(sequences, names, strict=True)
        return np.stack([self._vector(sequence, called(name)) for sequence, name in named])

    def state(self) -> State:
        """See `Head.state`."""
        self.check_fitted()
        return {**self.svr_.state(), "dim": np.asarray(self.dim_)}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> Self:
        """See `Head.restore`."""
        self.svr_ = VectorSVR(**shared_params(self, VectorSVR)).restore(state)
        self.dim_ = np.asarray(state["dim"])
        return self

    def _vector(self, sequence: NDArray[np.floating], name: str) -> Matrix:
        n_frames, width = sequence.shape
        n_joints, over = divmod(width, self.coordinates)
        if over or n_joints < 2 or self.root_joint >= n_joints:
            axes = "x and y" if self.coordinates == 2 else "x, y and z"
            raise HeadError(
                f"{name} has features of width {width}: not {axes} of joint {self.root_joint} "
                "(-p root_joint=...) and of more joints; this head takes a store of "
                "`aqa extract --backbone pose`"
            )
        if n_frames < self.windows * self.least_frames:
            raise HeadError(
                f"{name} has {n_frames} frames; {self.windows} windows of {self.least_frames} or "
                f"more take {self.windows * self.least_frames}"
            )
        windows = np.array_split(self._series(sequence), self.windows)
        return np.concatenate([self.describe(window).ravel() for window in windows])

    def _series(self, sequence: NDArray[np.floating]) -> Matrix:
        """Places of the other joints relative to the root joint, (frames, axes x (joints - 1))."""
        joints = sequence.reshape(len(sequence), -1, self.coordinates).astype(np.float64)
        relative = np.delete(joints - joints[:, [self.root_joint]], self.root_joint, axis=1)
        return relative.reshape(len(sequence), -1)


@dataclass(repr=False, eq=False)
class FrequencyHead(PoseHead):
    """Low frequencies of the trajectories; higher ones are mostly errors of the estimated poses.

    Coefficients do not grow with the number of frames, so that the same movement at a higher frame
    rate has the same description. Coefficients that a short video does not have are 0.
    """

    k: int = param(
        50,
        "lowest frequencies of each trajectory that are kept",
        source="ours; jain2020 §II-A gives no number",
    )

    @property
    def gives(self) -> tuple[Answer, ...]:
        """See `Head.gives`."""
        return ("joints",)

    @abstractmethod
    def basis(self, n_frames: int) -> NDArray[np.inexact]:
        """The transform as a matrix, (frequencies, frames), the lowest frequency first."""

    def phase(self, coefficients: NDArray[np.inexact]) -> NDArray[np.inexact]:
        """The factor of each coefficient after which its real part is taken: gives magnitudes."""
        size = np.abs(coefficients)
        return np.conj(coefficients) / np.where(size > 0, size, 1.0)

    def describe(self, series: Matrix) -> Matrix:
        """See `PoseHead.describe`: (k, series)."""
        coefficients = self.basis(len(series))[: self.k] @ series
        shown = (self.phase(coefficients) * coefficients).real
        return np.pad(shown, ((0, self.k - len(shown)), (0, 0)))

    def gradient(self, examples: Examples) -> Matrix:
        """See `Head.gradient`; exact except where a coefficient is 0 (pirsiavash2014)."""
        self.check_fitted()
        (sequence,) = check_sequences(examples.features, int(self.dim_), ids=examples.ids)
        series = self._series(sequence)
        (vector,) = self.vectors([sequence], examples.ids)
        slopes = self.svr_.slope(vector).reshape(self.windows, self.k, -1)
        by_window = []
        for window, slope in zip(np.array_split(series, self.windows), slopes, strict=True):
            basis = self.basis(len(window))[: self.k]
            turned = self.phase(basis @ window) * slope[: len(basis)]
            by_window.append((basis.T @ turned).real)
        relative = np.concatenate(by_window).reshape(len(series), -1, self.coordinates)
        # Moving the root joint moves all others the opposite way, relative to it.
        return np.insert(relative, self.root_joint, -relative.sum(axis=1), axis=1)
