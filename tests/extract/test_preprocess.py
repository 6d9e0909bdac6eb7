from __future__ import annotations

import numpy as np
import pytest
import torch

from aqa.extract.preprocess import Preprocess


def test_resize_to_a_size_then_the_centre() -> None:
    frame = np.zeros((240, 320, 3), np.uint8)
    frame[:, :, 0] = np.linspace(0, 255, 320).astype(np.uint8)
    resized = Preprocess(resize=(128, 171), crop=(112, 112)).resize_and_crop(frame)
    assert resized.shape == (112, 112, 3)
    assert abs(int(resized[0, 56, 0]) - 127) <= 2


@pytest.mark.parametrize("shape", [(240, 320), (320, 240), (33, 500), (112, 112)])
def test_resize_of_the_shorter_side_keeps_the_aspect(shape: tuple[int, int]) -> None:
    preprocess = Preprocess(resize=112, crop=(112, 112))
    assert min(preprocess._size(*shape)) == 112
    assert preprocess.resize_and_crop(np.zeros((*shape, 3), np.uint8)).shape == (112, 112, 3)


def test_channels_are_turned_where_the_weights_want_bgr() -> None:
    frame = np.zeros((4, 4, 3), np.uint8)
    frame[..., 0] = 9
    rgb = Preprocess(resize=(4, 4), crop=(2, 2)).resize_and_crop(frame)
    bgr = Preprocess(resize=(4, 4), crop=(2, 2), channels="BGR").resize_and_crop(frame)
    assert rgb[0, 0].tolist() == [9, 0, 0]
    assert bgr[0, 0].tolist() == [0, 0, 9]


def test_normalisation_is_the_formula(rng: np.random.Generator) -> None:
    preprocess = Preprocess(
        resize=(4, 5), crop=(4, 5), scale=1 / 255, mean=(0.1, 0.2, 0.3), std=(0.5, 0.6, 0.7)
    )
    frames = rng.integers(0, 256, size=(2, 3, 4, 5, 3), dtype=np.uint8)
    tensor = preprocess.normalise(torch.from_numpy(frames))
    assert tensor.shape == (2, 3, 3, 4, 5)
    assert tensor.is_contiguous(memory_format=torch.channels_last_3d)
    for n, c, t, h, w in ((0, 0, 0, 0, 0), (1, 2, 1, 3, 4), (1, 1, 2, 0, 3)):
        value = (frames[n, t, h, w, c] / 255 - preprocess.mean[c]) / preprocess.std[c]
        assert tensor[n, c, t, h, w] == pytest.approx(value, rel=1e-5)


def test_the_record_comes_back() -> None:
    for preprocess in (
        Preprocess(resize=(128, 171), crop=(112, 112), mean=(1.0, 2.0, 3.0)),
        Preprocess(resize=112, crop=(112, 112), channels="BGR"),
    ):
        record = preprocess.to_dict()
        assert {"resize", "interpolation", "crop", "channels", "scale", "mean", "std"} == set(
            record
        )
        assert Preprocess.from_dict(record) == preprocess
