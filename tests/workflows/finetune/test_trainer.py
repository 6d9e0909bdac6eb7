"""Training end to end: the gradients are those of the plain way, and a kill changes nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.distributed import TCPStore

from aqa.models.examples import Examples
from aqa.models.heads.base import HeadError, part_of
from aqa.models.heads.scoringnet import PARTS
from aqa.models.training.distributed import ProcessGroup
from aqa.workflows.finetune.data import ScoredClips, micro_batches, shown_videos
from aqa.workflows.finetune.epochs import chosen_epochs
from aqa.workflows.finetune.heads import adapter_of, trainable_head, trainable_heads
from aqa.workflows.finetune.network import clip_features
from aqa.workflows.finetune.settings import FinetuneSettings
from aqa.workflows.finetune.states import TrainingState, TrainingStates
from aqa.workflows.finetune.trainer import FineTuner

ALONE = ProcessGroup(torch.device("cpu"))
SETTINGS = FinetuneSettings(epochs=3, batch_size=3, lr_backbone=1e-3, lr_head=1e-2)
SMALL: dict[str, dict[str, Any]] = {
    "lstm": {"hidden": 5},
    "fragments": {"fragment": "last", "dropout": 0.0},
    "scoringnet": {
        "hidden": 5,
        "difficulty_stages": "flight",
        "execution_stages": "flight,entry",
    },
    "gdlt": {"hidden": 8, "dropout": 0.0},
    "wd": {"pad": False},  # `average` pads; with 7 videos wd's loss is too noisy with it
}


class Net(nn.Module):
    """A convolution and a batch norm: uint8 (n, T, H, W, 3) -> (n, 4), or maps (n, 4, T, H, W)."""

    def __init__(self, maps: bool = False) -> None:
        super().__init__()
        self.maps = maps
        self.conv = nn.Conv3d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm3d(4)

    def forward(self, pictures: Tensor) -> Tensor:
        x = pictures.permute(0, 4, 1, 2, 3).float() / 255
        x = self.norm(self.conv(x)).relu()
        return x if self.maps else x.mean((2, 3, 4))


class NoisyClips:
    """Videos of 1 to 3 clips, as bright as their score; brighter in augmented epochs."""

    def __init__(self, n: int = 7, stop_after: int | None = None):
        rng = np.random.default_rng(0)
        self.brightness = np.linspace(20, 200, n)
        self.videos = [
            torch.from_numpy(rng.integers(0, 40, (1 + i % 3, 4, 6, 6, 3)).astype(np.uint8) + int(b))
            for i, b in enumerate(self.brightness)
        ]
        self.left = stop_after

    def __len__(self) -> int:
        return len(self.videos)

    def read(
        self, order: Sequence[int], epoch: int | None = None
    ) -> Iterator[tuple[Tensor, np.ndarray]]:
        for number in order:
            if self.left is not None and epoch is not None:
                self.left -= 1
                if self.left < 0:
                    raise KeyboardInterrupt
            clips = self.videos[number]
            frames = np.array([(s, s + 4) for s in range(0, 4 * len(clips), 4)])
            yield clips + (epoch or 0), frames - (epoch or 0) % 2


def scored(n: int = 7, stop_after: int | None = None, name: str = "lstm") -> ScoredClips:
    """With the columns of this head; the middles of clips are at 2, 6 and 10, or one earlier."""
    clips = NoisyClips(n, stop_after)
    scores = clips.brightness / 2
    stages = [{"flight": 0, "entry": 2}, {"flight": 2, "entry": 6}, {"flight": 5, "entry": 9}]
    made = {
        "id": [f"v{i}" for i in range(n)],
        "judges": [(score / 12,) * 7 for score in scores],
        "attributes": [{"position": "ABC"[i % 3]} for i in range(n)],
        "difficulty": [2.0 + i % 4 / 2 for i in range(n)],
        "execution": [None] * n,
        "action": ["diving"] * n,
        "stages": [stages[i % 3] for i in range(n)],
    }
    columns = {k: made[k] for k in trainable_head(name).head_class.columns if k in made}
    return ScoredClips(clips, scores, columns)


def tuner(
    settings: FinetuneSettings = SETTINGS, group: ProcessGroup = ALONE, name: str = "lstm"
) -> FineTuner:
    """The same untrained network each time."""
    torch.manual_seed(0)
    net, videos = Net(trainable_head(name).head_class.takes == "maps"), scored(name=name)
    net.norm.running_mean.uniform_(-0.1, 0.1)
    head = trainable_head(name).head_class(device="cpu").set_params(**SMALL.get(name, {}))
    adapter = adapter_of(head)
    adapter.learn_scores(videos.scores, videos.columns)
    adapter.begin(clip_features(net, adapter, videos, settings.precision, ALONE))
    return FineTuner(net, adapter, settings, group)


def gradients(
    made: FineTuner, update: Sequence[int] = (0, 1, 2, 5), name: str = "lstm"
) -> dict[str, Tensor]:
    """Of an update of videos of 1, 2, 3 and 3 clips."""
    made.joint.train()
    videos = scored(name=name)
    batches = micro_batches(update, made.settings.accumulate, made.group)
    read = shown_videos(videos, made.adapter, [i for batch in batches for i in batch.videos])
    made.gradients(batches, read, made.targets(videos))
    return {name: p.grad.clone() for name, p in made.joint.named_parameters()}


def assert_same(one: dict[str, Tensor], other: dict[str, Tensor], rtol: float = 1e-4) -> None:
    assert one.keys() == other.keys()
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=rtol, atol=1e-7, msg=name)


def test_the_gradient_is_that_of_the_plain_way() -> None:
    made = tuner()
    found = gradients(made)
    assert all(g.abs().sum() > 0 for g in found.values())
    made.joint.zero_grad()
    loss = torch.zeros(())
    head, videos = made.adapter.head, scored()
    for number in (0, 1, 2, 5):
        features = made.joint.backbone(videos.clips.videos[number])
        x = (features - torch.tensor(head.centre_).float()) / torch.tensor(head.scale_).float()
        predicted = head.net_(x[None], torch.tensor([len(x)]))[0]
        loss = loss + (predicted - videos.scores[number] / head.y_std_) ** 2 / 4
    loss.backward()
    assert_same(found, {name: p.grad for name, p in made.joint.named_parameters()})


def test_the_gradient_of_both_branches_is_that_of_the_plain_way() -> None:
    name = "scoringnet"
    made = tuner(name=name)
    found = gradients(made, name=name)
    for learns in ("backbone.conv.weight", *(f"net.{p}.lstm.weight_ih_l0" for p in PARTS)):
        assert found[learns].abs().sum() > 0
    made.joint.zero_grad()
    head, videos, loss = made.adapter.head, scored(name=name), torch.zeros(())
    # Each video's clips in flight, and in flight or entry; a lone clip stands for what it misses.
    key = {0: ([0], [0]), 1: ([0], [0, 1]), 2: ([1], [1, 2]), 5: ([1], [1, 2])}
    for number, chosen in key.items():
        clips = videos.clips.videos[number]
        hard = videos.columns["difficulty"][number]
        truth = {"difficulty": hard, "execution": videos.scores[number] / hard}
        for part, numbers in zip(PARTS, chosen, strict=True):
            branch = head.branches_[part]
            features = torch.cat([made.joint.backbone(clips[i : i + 1]) for i in numbers])
            x = (features - torch.tensor(branch.centre_)) / torch.tensor(branch.scale_)
            predicted = branch.net_(x[None].float(), torch.tensor([len(x)]))[0]
            loss = loss + (predicted - truth[part] / branch.y_std_) ** 2 / 4
    loss.backward()
    assert_same(found, {name: p.grad for name, p in made.joint.named_parameters()})


@pytest.mark.parametrize(
    "change",
    [{"accumulate": 2}, {"accumulate": 3}, {"clips_at_once": 1}, {"clips_at_once": 4}],
    ids=str,
)
def test_a_pass_can_be_cut_without_changing_the_gradient(change: dict) -> None:
    assert_same(gradients(tuner(replace(SETTINGS, **change))), gradients(tuner()))


def test_half_precision_gives_nearly_the_same_gradient() -> None:
    plain = torch.cat([g.flatten() for g in gradients(tuner()).values()])
    half = gradients(tuner(replace(SETTINGS, precision="bfloat16")))
    mixed = torch.cat([g.flatten() for g in half.values()])
    assert not torch.equal(plain, mixed)
    assert torch.nn.functional.cosine_similarity(plain, mixed, dim=0) > 0.99


def test_frozen_statistics_stay_and_live_ones_move() -> None:
    for batch_norm, moves in (("frozen", False), ("live", True)):
        made = tuner(replace(SETTINGS, batch_norm=batch_norm))
        norm = made.joint.backbone.norm
        before = {k: v.clone() for k, v in norm.state_dict().items()}
        made.epoch(scored(), 1)
        for name in ("running_mean", "running_var"):
            assert torch.equal(before[name], norm.state_dict()[name]) != moves
        assert not torch.equal(before["weight"], norm.weight)


def test_live_statistics_count_a_clip_that_is_seen_again_once() -> None:
    made = tuner(replace(SETTINGS, batch_norm="live", clips_at_once=2))
    plain = tuner(replace(SETTINGS, batch_norm="live"))
    gradients(made, [2, 5])
    clips = torch.cat([scored().clips.videos[i] for i in (2, 5)])
    plain.joint.train()
    for part in clips.split(2):
        plain.joint.backbone(part)
    expected, found = plain.joint.backbone.norm, made.joint.backbone.norm
    torch.testing.assert_close(found.running_mean, expected.running_mean)
    torch.testing.assert_close(found.running_var, expected.running_var)
    assert found.momentum == 0.1


def test_backbone_and_head_have_their_own_learning_rates() -> None:
    made = tuner()
    before = {name: p.detach().clone() for name, p in made.joint.named_parameters()}
    videos = scored()
    made.joint.train()
    shown = shown_videos(videos, made.adapter, [3])
    made.step(micro_batches([3], 1, ALONE), shown, made.targets(videos))
    for name, after in made.joint.named_parameters():
        # Adam's first step is the learning rate, wherever there is a gradient.
        moved = (after.detach() - before[name]).abs()[after.grad.abs() > 1e-4]
        lr = 1e-3 if name.startswith("backbone.") else 1e-2
        torch.testing.assert_close(moved, torch.full_like(moved, lr), rtol=2e-2, atol=0.0)


def fit(
    folder: Path,
    settings: FinetuneSettings = SETTINGS,
    stop_after: int | None = None,
    name: str = "lstm",
) -> TrainingState:
    """A training as a process makes it: from the newest state, if there is one."""
    states = TrainingStates(folder, {"epochs": settings.epochs})
    state, made = states.newest(), tuner(settings, name=name)
    train, validation = scored(stop_after=stop_after, name=name), scored(3, name=name)
    return made.fit(train, validation, states, state)


@pytest.mark.parametrize(
    ("precision", "name"), [("float32", "lstm"), ("float16", "lstm"), ("float32", "scoringnet")]
)
def test_a_training_killed_twice_ends_the_same(tmp_path: Path, precision: str, name: str) -> None:
    settings = replace(SETTINGS, precision=precision)
    whole = fit(tmp_path / "whole", settings, name=name)
    for videos in (5, 10):  # in the middle of epoch 1, then of epoch 2
        with pytest.raises(KeyboardInterrupt):
            fit(tmp_path / "killed", settings, stop_after=videos, name=name)
    killed = fit(tmp_path / "killed", settings, name=name)
    assert killed.epoch == whole.epoch == 3
    assert killed.tensors.keys() == whole.tensors.keys()
    assert all(torch.equal(killed.tensors[k], whole.tensors[k]) for k in whole.tensors)
    losses = [[(r["train_loss"], r["val_loss"]) for r in s.history] for s in (whole, killed)]
    assert losses[0] == losses[1]
    assert losses[0][-1] < losses[0][1]
    assert [row["epoch"] for row in whole.history] == [0, 1, 2, 3]
    kept = {f"epoch-{e}.safetensors" for e in (*chosen_epochs(whole.history).values(), 3)}
    assert {path.name for path in (tmp_path / "killed").iterdir()} == kept


def test_only_clips_of_key_fragments_are_shown_and_they_follow_the_shift() -> None:
    videos, adapter = scored(name="scoringnet"), tuner(name="scoringnet").adapter
    plain, shifted = (list(shown_videos(videos, adapter, [1, 2, 5], epoch)) for epoch in (None, 1))
    # The middles of video 2 are at 2, 6 and 10, its flight begins at 5; shifted by one frame, its
    # second clip's middle is at 5.
    assert [own.columns["clips"].tolist() for own in plain[1:]] == [[[4, 8], [8, 12]]] * 2
    assert [own.columns["clips"].tolist() for own in shifted[1:]] == [[[3, 7], [7, 11]]] * 2
    # Of video 1 they are at 2 and 6 with flight from 2; one frame earlier the first is before it,
    # and the second is in flight, the entry being at 6.
    assert [len(own.clips) for own in (plain[0], shifted[0])] == [2, 1]
    torch.testing.assert_close(shifted[0].clips, videos.clips.videos[1][1:] + 1)


def test_the_epoch_is_chosen_by_the_fused_score() -> None:
    made, videos = tuner(name="scoringnet"), scored(name="scoringnet")
    value = made.evaluate(videos)
    errors = []
    for row, own in enumerate(shown_videos(videos, made.adapter, range(7))):
        features = made.joint.backbone(own.clips).detach().numpy()
        columns = {"clips": [own.columns["clips"]], "stages": [own.columns["stages"]]}
        parts = made.adapter.head.parts(Examples.of([features], **columns))
        score = parts["difficulty"][0] * parts["execution"][0]
        errors.append((score - videos.scores[row]) / videos.scores.std())
    assert value == pytest.approx(np.mean(np.square(errors)), rel=1e-4)


def test_a_ranking_margin_survives_a_kill() -> None:
    made = tuner(name="scoringnet").adapter.head
    again = trainable_head("scoringnet").head_class(**made.get_params()).restore(made.state())
    for part, branch in again.branches_.items():
        assert branch.margin == pytest.approx(made.branches_[part].margin)
        assert branch.margin / branch.y_std_ == pytest.approx(made.margin / made.y_std_)


def test_training_leaves_the_global_random_state_alone(tmp_path: Path) -> None:
    made = tuner()
    torch.manual_seed(7)
    expected = torch.rand(1)
    torch.manual_seed(7)
    made.fit(scored(), scored(3), TrainingStates(tmp_path / "s", {}))
    assert torch.rand(1) == expected


def test_a_loss_that_is_not_finite_stops_it(tmp_path: Path) -> None:
    made = tuner(replace(SETTINGS, lr_head=1e30, lr_backbone=1e30))
    states = TrainingStates(tmp_path, {})
    with pytest.raises(HeadError, match=r"the loss is (nan|inf) in epoch \d; lower --lr-backbone"):
        made.fit(scored(), scored(3), states)
    assert states.newest() is not None


@pytest.mark.parametrize("name", trainable_heads())
def test_every_such_head_learns_with_its_backbone(tmp_path: Path, name: str) -> None:
    epochs = 24 if name in ("gdlt", "lstm", "scoringnet") else 8
    made, videos = tuner(replace(SETTINGS, epochs=epochs), name=name), scored(name=name)
    state = made.fit(videos, videos, TrainingStates(tmp_path / "s", {}))
    losses = [row["val_loss"] for row in state.history]
    assert losses[-1] < 0.8 * losses[0]
    restored = trainable_head(name).head_class(**made.adapter.head.get_params())
    restored.restore({k: v.numpy() for k, v in part_of("head", state.tensors).items()})
    examples = clip_features(made.joint.backbone, made.adapter, videos, "float32", ALONE)
    for head in (made.adapter.head, restored):
        adapter_of(head).finish(state.history, epochs, examples, examples)
        assert head.chosen["best_epoch"]
    asked = {column: examples.columns[column] for column in restored.answer_columns}
    predicted = made.adapter.head.predict(examples.features, **asked)
    np.testing.assert_array_equal(restored.predict(examples.features, **asked), predicted)
    assert np.corrcoef(predicted, videos.scores)[0, 1] > 0.5


WORKER = """
import sys, torch
torch.set_num_threads(1)
sys.path.insert(0, sys.argv[1])
import test_trainer as tests
from aqa.models.training.distributed import join_processes
with join_processes("cpu") as group:
    assert group.size == 2
    settings = tests.replace(tests.SETTINGS, clips_at_once=2)
    even = tests.gradients(tests.tuner(settings, group))
    made = tests.tuner(settings, group)
    one = tests.gradients(made, [5])  # less than a video for each
    loss = made.epoch(tests.scored(), 1)
    value = made.evaluate(tests.scored(3))
    after = {f"after.{k}": v.detach() for k, v in made.joint.named_parameters()}
    both = tests.gradients(tests.tuner(settings, group, "scoringnet"), name="scoringnet")
    torch.save([even, one, both, after, loss, value], f"{sys.argv[2]}/{group.rank}.pt")
"""


def test_two_processes_are_as_one(tmp_path: Path) -> None:
    here = str(Path(__file__).parent)
    # The store is here, as torchrun has it, so that nobody takes its port before it is open.
    store = TCPStore("localhost", 0, is_master=True, wait_for_workers=False)
    environment = os.environ | {
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": str(store.port),
        "WORLD_SIZE": "2",
        "TORCHELASTIC_RUN_ID": "test",
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "TORCHELASTIC_RESTART_COUNT": "0",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "OMP_NUM_THREADS": "1",
    }
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, here, str(tmp_path)],
            env=environment | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
        )
        for rank in range(2)
    ]
    try:
        for worker in workers:
            _, error = worker.communicate(timeout=400)  # far more than a busy machine needs
            assert worker.returncode == 0, error.decode()
    finally:
        for worker in workers:
            worker.kill()
    made = tuner()
    expected = [gradients(tuner()), gradients(made, [5])]
    expected.append(gradients(tuner(name="scoringnet"), name="scoringnet"))
    loss, value = made.epoch(scored(), 1), made.evaluate(scored(3))
    after = {f"after.{k}": v.detach() for k, v in made.joint.named_parameters()}
    for rank in range(2):
        found = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        for one, other in zip(found[:3], expected, strict=True):
            assert_same(one, other)
        assert_same(found[3], after, rtol=1e-3)
        assert found[4:] == pytest.approx([loss, value], rel=1e-4)


def test_both_rates_fall_after_so_many_updates() -> None:
    made = tuner(replace(SETTINGS, lr_decay=0.5, lr_decay_every=2))
    seen: list[list[float]] = []
    step = made.step

    def watched(*args: Any) -> float:
        seen.append([group["lr"] for group in made.optimizer.param_groups])
        return step(*args)

    made.step = watched  # type: ignore[method-assign]
    for epoch in (1, 2):  # three updates each
        made.epoch(scored(), epoch)
    assert seen == [[1e-3 * f, 1e-2 * f] for f in (1, 1, 0.5, 0.5, 0.25, 0.25)]


def test_weight_decay_is_in_the_update() -> None:
    plain, decayed = tuner(), tuner(replace(SETTINGS, weight_decay=0.1))
    for made in (plain, decayed):
        made.epoch(scored(n=3), 1)
    norms = [
        sum(float(p.detach().square().sum()) for p in made.joint.parameters())
        for made in (plain, decayed)
    ]
    assert norms[1] < norms[0]
    recipe = replace(SETTINGS, weight_decay=0.1).record()["recipe"]
    assert recipe["weight_decay"] == 0.1
    assert "weight_decay" not in SETTINGS.record()["recipe"]
    assert "lr_decay_every" not in SETTINGS.record()["recipe"]
