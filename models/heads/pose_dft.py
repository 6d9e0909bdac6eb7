"""Pose+DFT: Fourier frequencies of joints' paths, SVR (pirsiavash2014)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aqa.models.heads.base.pose import FrequencyHead


@dataclass(repr=False, eq=False)
class PoseDFTHead(FrequencyHead):
    """Magnitudes of the k lowest frequencies of the Fourier transform of each trajectory."""

    def basis(self, n_frames: int) -> NDArray[np.inexact]:
        """See `FrequencyHead.basis`: complex, divided by the number of frames."""
        return np.fft.rfft(np.eye(n_frames), axis=0, norm="forward")


HEAD = PoseDFTHead
