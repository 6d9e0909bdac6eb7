"""Figure skating takes 4,000 to 12,000 frames: extraction holds no more of a longer video."""

from __future__ import annotations

import tracemalloc
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from aqa.annotations.manifest import Video
from aqa.extract.backbones.backbone import Backbone
from aqa.extract.checkpoints.layouts import Layout
from aqa.extract.checkpoints.records import Weights
from aqa.extract.encode import Encoder, encode_video
from aqa.extract.preprocess import Preprocess
from aqa.extract.video import clip_reader
from aqa.extract.video.clip_reader import ClipReader
from aqa.features.clips import ClipRule

SIZE = 32  # of a frame's sides in pixels: 3 kB a frame


class MadeUpFrames:
    """So many frames, each of one grey that tells its number; a source like a decoder's."""

    path = Path("made-up.avi")
    fps = 25.0

    def __init__(self, n: int) -> None:
        self.promised = self.counted = n

    def frames(
        self,
        start: int = 0,
        stop: int | None = None,
        shown: Collection[int] | None = None,
    ) -> Iterator[np.ndarray]:
        for number in range(start, min(stop or self.counted, self.counted)):
            yield np.full((SIZE, SIZE, 3), number % 251, np.uint8)

    def warnings(self) -> list[str]:
        return []


class MeanGrey(nn.Module):
    """The grey of each frame of a clip."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        return x.mean((1, 3, 4)) * self.factor


def extracted(n: int, rule: ClipRule, monkeypatch: pytest.MonkeyPatch) -> tuple[np.ndarray, int]:
    """The features of a video of n frames, and the bytes that were held at most."""
    monkeypatch.setattr(clip_reader, "open_video", lambda *_, **__: MadeUpFrames(n))
    backbone = Backbone(
        MeanGrey(),
        name="mean-grey",
        layer="output",
        shape=(rule.length,),
        preprocess=Preprocess(resize=(SIZE, SIZE), crop=(SIZE, SIZE)),
        clip_length=rule.length,
        weights=Weights("random", "0" * 64),
        layout=Layout("own", "own", "output", ()),
    )
    encoder = Encoder(backbone, "cpu")
    blank = encoder.blank(rule.length)
    video = Video("v", MadeUpFrames.path, 0.0)
    tracemalloc.start()
    try:
        batches = ClipReader(video, backbone.preprocess, rule, encoder.batch_size)
        ((features, clips),) = encode_video(batches, encoder, blank)
        return features, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        assert clips == rule.clips(n)


@pytest.mark.parametrize("rule", [ClipRule(16, 16), ClipRule(16, 64, window=64)])
def test_memory_is_flat_over_20000_frames(rule: ClipRule, monkeypatch: pytest.MonkeyPatch) -> None:
    extracted(100, rule, monkeypatch)  # what is only loaded once
    _, short = extracted(1_000, rule, monkeypatch)
    features, long = extracted(20_000, rule, monkeypatch)
    assert len(features) == len(rule.clips(20_000))
    last = [number % 251 for number in rule.frames_of(rule.clips(20_000)[-1])]
    np.testing.assert_allclose(features[-1], last, atol=1e-3)
    frame = SIZE * SIZE * 3
    assert short > 16 * frame  # it does see the frames
    rows = features.nbytes + 300 * len(features)  # and the clip of each row, as Python objects
    assert long - short < 3 * rows + 20 * frame, (short, long)
    assert long < 400 * frame
