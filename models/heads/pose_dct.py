"""Pose+DCT: cosine frequencies of joints' paths, SVR (pirsiavash2014)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct

from aqa.models.heads.base import param
from aqa.models.heads.base.pose import FrequencyHead


@dataclass(repr=False, eq=False)
class PoseDCTHead(FrequencyHead):
    """The k lowest coefficients of the discrete cosine transform (type II) of each trajectory."""

    magnitude: bool = param(
        True, "absolute values of the coefficients; false: with their signs", source="ours"
    )

    def basis(self, n_frames: int) -> NDArray[np.inexact]:
        """See `FrequencyHead.basis`: orthonormal rows divided by sqrt(frames)."""
        return np.asarray(dct(np.eye(n_frames), axis=0, norm="ortho")) / np.sqrt(n_frames)

    def phase(self, coefficients: NDArray[np.inexact]) -> NDArray[np.inexact]:
        """See `FrequencyHead.phase`."""
        return super().phase(coefficients) if self.magnitude else np.ones_like(coefficients)


HEAD = PoseDCTHead
