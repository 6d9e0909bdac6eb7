"""Stages of clips: labels, the network, what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from aqa.models.heads.base import HeadError
from aqa.models.heads.kfs import (
    UNLABELLED,
    KFSHead,
    LabelledVideos,
    StageNet,
    StageTrainer,
    stage_loss,
    stride_of,
)
from aqa.models.training.loop import TrainingSettings

QUICK = {"epochs": 20, "hidden": 8, "lr": 0.02, "device": "cpu"}
NAMES = ("before", "flight", "entry")


class Dives:
    """Videos of clips of 4 frames, every 2 frames, whose vectors tell the stage."""

    def __init__(self, n: int = 24, seed: int = 0):
        rng = np.random.default_rng(seed)
        self.n_frames = rng.integers(40, 60, n).tolist()
        self.stages = [
            {"flight": int(rng.integers(8, 14)), "entry": int(rng.integers(24, 32))}
            for _ in range(n)
        ]
        self.clips = [
            np.array([(s, s + 4) for s in range(0, frames - 3, 2)]) for frames in self.n_frames
        ]
        self.x = []
        for clips, stages in zip(self.clips, self.stages, strict=True):
            middle = clips.mean(axis=1)
            told = np.stack([middle >= stages["flight"], middle >= stages["entry"]], axis=1)
            noise = rng.normal(scale=0.2, size=(len(clips), 2))
            self.x.append((told + noise).astype(np.float32))
        self.y = np.zeros(n)

    def columns(self, rows: slice = slice(None)) -> dict[str, Any]:
        return {"clips": self.clips[rows], "stages": self.stages[rows]}


@pytest.fixture(scope="module")
def dives() -> Dives:
    return Dives()


@pytest.fixture(scope="module")
def head(dives: Dives) -> KFSHead:
    return KFSHead(**QUICK).fit(dives.x, dives.y, **dives.columns())


def test_it_finds_the_stages(head: KFSHead) -> None:
    new = Dives(8, seed=1)
    assert head.stages == NAMES
    found = head.starts(new.x, clips=new.clips, n_frames=new.n_frames)
    true = np.array([[0, *own.values()] for own in new.stages])
    assert np.abs(np.array(found) - true).mean() < 1.5


def test_posteriors_do_not_depend_on_company(head: KFSHead, dives: Dives) -> None:
    together = head.posteriors(dives.x)
    for x, found in zip(dives.x, together, strict=True):
        assert found.shape == (len(x), 3)
        np.testing.assert_allclose(found.sum(axis=1), 1)
        np.testing.assert_allclose(head.posteriors([x])[0], found, atol=1e-6)


def test_saving_and_seeds(head: KFSHead, dives: Dives) -> None:
    restored = KFSHead(device="cpu").restore(head.state())
    assert restored.stages == NAMES
    for a, b in zip(restored.posteriors(dives.x), head.posteriors(dives.x), strict=True):
        np.testing.assert_array_equal(a, b)
    short = QUICK | {"epochs": 2}
    first, again, other = (
        KFSHead(**short, seed=s).fit(dives.x, dives.y, **dives.columns()).state() for s in (1, 1, 2)
    )
    assert all(np.array_equal(first[k], again[k]) for k in first)
    assert any(not np.array_equal(first[k], other[k]) for k in first)


def test_validation_videos_stop_it(dives: Dives) -> None:
    held = (dives.x[:4], dives.y[:4], dives.columns(slice(4)))
    head = KFSHead(**(QUICK | {"epochs": 2}))
    head.fit(dives.x[4:], dives.y[4:], held, **dives.columns(slice(4, None)))
    assert all("val_loss" in row for row in head.history_)


def test_the_backward_half_does_not_read_padding() -> None:
    torch.manual_seed(0)
    net, x = StageNet(2, 3, 3), torch.randn(1, 5, 2)
    padded = torch.cat([x, torch.full((1, 4, 2), 9.0)], dim=1)
    both = torch.cat([padded, torch.randn(1, 9, 2)])
    found = net(both, torch.tensor([5, 9]))[0, :5]
    torch.testing.assert_close(found, net(x, torch.tensor([5]))[0])


def test_the_loss_against_a_plain_loop() -> None:
    logits = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([[0, 3, UNLABELLED], [1, 2, 2]])
    terms = [
        -logits[i, j].log_softmax(0)[targets[i, j]]
        for i in range(2)
        for j in range(3)
        if targets[i, j] != UNLABELLED
    ]
    assert len(terms) == 5
    torch.testing.assert_close(stage_loss(logits, targets), sum(terms) / 5)


def test_the_stride_of_most_clips() -> None:
    assert stride_of([np.array([[0, 16], [4, 20], [8, 24], [9, 25]])]) == 4
    assert stride_of([np.array([[0, 16]])]) == 0


@pytest.mark.parametrize(
    ("columns", "problem"),
    [
        ({}, "learns from each video's `clips` and `stages`"),
        ({"stages": [{}] * 24}, "no video has stages; fill in the manifest's columns stage_<name>"),
        (
            {"stages": [{"flight": 9, "entry": 20}, *[{"flight": 9}] * 23]},
            "23 of 24 videos have no first frame of some stages: row 1 .entry., row 2 ",
        ),
    ],
)
def test_what_is_refused(dives: Dives, columns: dict[str, Any], problem: str) -> None:
    given = (dives.columns() | columns) if columns else {}
    with pytest.raises(HeadError, match=problem):
        KFSHead(**QUICK).fit(dives.x, dives.y, **given)


def test_every_clip_counts_the_same_in_a_loss_over_batches(rng: np.random.Generator) -> None:
    """Videos of 1 to 9 clips, one in each batch."""
    lengths = (1, 9, 2, 5)
    x = [torch.from_numpy(rng.normal(size=(n, 2))).float() for n in lengths]
    labels = [torch.from_numpy(rng.integers(0, 3, n)) for n in lengths]
    torch.manual_seed(0)
    net, videos = StageNet(2, 4, 3).eval(), LabelledVideos(x, labels)
    settings = TrainingSettings(1, batch_size=1, lr=0.0)
    found = StageTrainer(net, stage_loss, settings, 0).evaluate(videos)
    with torch.no_grad():
        logits = torch.cat([net(own[None], torch.tensor([len(own)]))[0] for own in x])
    expected = torch.nn.functional.cross_entropy(logits, torch.cat(labels))
    assert found == pytest.approx(float(expected), rel=1e-5)
