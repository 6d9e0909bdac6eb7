from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from aqa.errors import AqaError
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


@pytest.mark.parametrize("shape", [(96, 128), (20, 30)])
def test_frames_are_resized_as_the_interpolation_says(
    rng: np.random.Generator, shape: tuple[int, int]
) -> None:
    frame = rng.integers(0, 256, size=(*shape, 3), dtype=np.uint8)
    flags = {
        "nearest": cv2.INTER_NEAREST,
        "linear": cv2.INTER_LINEAR,
        "area": cv2.INTER_AREA,
        "cubic": cv2.INTER_CUBIC,
    }
    made = {}
    for name, flag in flags.items():
        preprocess = Preprocess(resize=(37, 53), crop=(37, 53), interpolation=name)
        made[name] = preprocess.resize_and_crop(frame)
        expected = cv2.resize(frame, (53, 37), interpolation=flag)
        np.testing.assert_array_equal(made[name], expected)
    assert len({resized.tobytes() for resized in made.values()}) == len(flags)
    plain = Preprocess(resize=(37, 53), crop=(37, 53)).resize_and_crop(frame)
    np.testing.assert_array_equal(plain, made["linear"])


def test_odd_margins_of_the_crop_are_rounded_down() -> None:
    rows, columns = np.mgrid[:7, :9]
    frame = np.stack([rows, columns, rows], 2).astype(np.uint8)
    cropped = Preprocess(resize=(7, 9), crop=(4, 4)).resize_and_crop(frame)
    assert cropped[:, 0, 0].tolist() == [1, 2, 3, 4]
    assert cropped[0, :, 1].tolist() == [2, 3, 4, 5]


def test_the_shorter_side_gets_its_length_and_the_other_is_rounded() -> None:
    preprocess = Preprocess(resize=112, crop=(112, 112))
    assert preprocess._size(240, 320) == (112, 149)
    assert preprocess._size(320, 240) == (149, 112)
    assert preprocess._size(112, 112) == (112, 112)


@pytest.mark.parametrize(
    "wrong",
    [
        {"crop": (5, 4)},
        {"crop": (4, 5)},
        {"crop": (0, 4)},
        {"resize": 3},
        {"interpolation": "lanczos"},
        {"channels": "GBR"},
        {"mean": (1.0, 2.0)},
        {"std": (1.0, 2.0, 3.0, 4.0)},
        {"std": (1.0, 0.0, 1.0)},
    ],
)
def test_what_cannot_be_is_refused(wrong: dict) -> None:
    Preprocess(resize=(4, 4), crop=(4, 4))
    with pytest.raises(AqaError, match="preprocessing: "):
        Preprocess(**{"resize": (4, 4), "crop": (4, 4), **wrong})


def test_a_blank_clip_is_black() -> None:
    clip = Preprocess(resize=8, crop=(4, 6)).blank_clip(3)
    assert clip.shape == (3, 4, 6, 3)
    assert clip.dtype == np.uint8
    assert not clip.any()
