"""What heads on the joints of a body share: head-centred trajectories to a vector to an SVR."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aqa.models.examples import Examples
from aqa.models.heads.base import Answer, HeadError, Sequences, check_sequences, param
from aqa.models.heads.svr import SVRHead

Matrix = NDArray[np.float64]


@dataclass(repr=False, eq=False)
class PoseHead(SVRHead):
    """Trajectories of joints, relative to one of them, described window by window; SVR on that.

    A sequence is (frames, 2 x joints). Fitted, beside what `SVRHead` leaves: `dim_`, its width.
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

    takes_joints: ClassVar[bool] = True
    fitted: ClassVar[tuple[str, ...]] = (*SVRHead.fitted, "dim_")

    @abstractmethod
    def describe(self, series: Matrix) -> Matrix:
        """Numbers for each series of a window, (frames, series) -> (numbers, series)."""

    @property
    def least_frames(self) -> int:
        """The fewest frames of a window that can be described."""
        return 1

    def fit(
        self, x: Sequences, y: ArrayLike, validation: tuple[Sequences, ArrayLike] | None = None
    ) -> PoseHead:
        """See `Head.fit`."""
        super().fit(x, y, validation)
        self.dim_ = np.asarray(x[0]).shape[1]
        return self

    def vectors(self, sequences: Sequences) -> Matrix:
        """The descriptions of all windows of each video, (n, dim)."""
        return np.stack([self._vector(i, sequence) for i, sequence in enumerate(sequences)])

    @property
    def _dim(self) -> int:
        return int(self.dim_)

    def _vector(self, number: int, sequence: NDArray[np.floating]) -> Matrix:
        n_frames, width = sequence.shape
        if width % 2 or width < 4 or self.root_joint >= width // 2:
            raise HeadError(
                f"video number {number} has features of width {width}: not x and y of "
                f"{self.root_joint} (-p root_joint=...) and more joints; it takes a store of "
                "`aqa extract --backbone pose`"
            )
        if n_frames < self.windows * self.least_frames:
            raise HeadError(
                f"video number {number} has {n_frames} frames; {self.windows} windows of "
                f"{self.least_frames} or more take {self.windows * self.least_frames}"
            )
        windows = np.array_split(self._series(sequence), self.windows)
        return np.concatenate([self.describe(window).ravel() for window in windows])

    def _series(self, sequence: NDArray[np.floating]) -> Matrix:
        """The places of the other joints relative to the head, (frames, 2 x (joints - 1))."""
        joints = sequence.reshape(len(sequence), -1, 2).astype(np.float64)
        relative = np.delete(joints - joints[:, [self.root_joint]], self.root_joint, axis=1)
        return relative.reshape(len(sequence), -1)


@dataclass(repr=False, eq=False)
class FrequencyHead(PoseHead):
    """Low frequencies of the trajectories; what is above them is mostly errors of estimated poses.

    Coefficients do not grow with the number of frames, so that the same movement, sampled more
    finely, has the same description. Those that a short video does not have are 0.
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
        """What coefficients are multiplied by before the real part is taken: for magnitudes."""
        size = np.abs(coefficients)
        return np.conj(coefficients) / np.where(size > 0, size, 1.0)

    def describe(self, series: Matrix) -> Matrix:
        """See `PoseHead.describe`: (k, series)."""
        coefficients = self.basis(len(series))[: self.k] @ series
        shown = (self.phase(coefficients) * coefficients).real
        return np.pad(shown, ((0, self.k - len(shown)), (0, 0)))

    def gradient(self, examples: Examples) -> Matrix:
        """See `Head.gradient`; exact but where a coefficient is 0 (Pirsiavash et al. 2014)."""
        (sequence,) = check_sequences(examples.features, self._dim, ids=examples.ids)
        series = self._series(sequence)
        slopes = self._slope(self.vectors([sequence])).reshape(self.windows, self.k, -1)
        by_window = []
        for window, slope in zip(np.array_split(series, self.windows), slopes, strict=True):
            basis = self.basis(len(window))[: self.k]
            turned = self.phase(basis @ window) * slope[: len(basis)]
            by_window.append((basis.T @ turned).real)
        relative = np.concatenate(by_window).reshape(len(series), -1, 2)
        # Moving the head moves all others the other way.
        return np.insert(relative, self.root_joint, -relative.sum(axis=1), axis=1)

    def _slope(self, vector: Matrix) -> Matrix:
        """How the score grows with each entry of a video's vector: (1, dim) -> (dim,)."""
        (normal,) = self._normal(vector)
        if self.kernel == "linear" or not len(self.support_vectors_):
            slope = self.dual_coef_ @ self.support_vectors_
        else:
            (kernel,) = self._kernel(normal[None], self.support_vectors_, float(self.gamma_))
            away = normal - self.support_vectors_
            slope = -2.0 * float(self.gamma_) * (self.dual_coef_ * kernel) @ away
        if self.normalise == "l2":
            length = np.linalg.norm(vector) or 1.0
            slope = (slope - normal * (normal @ slope)) / length
        else:
            slope = slope / self.scale_
        return np.asarray(slope * self.y_std_)
