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

from aqa.models.heads.base import HeadError, part_of
from aqa.models.heads.scoringnet import PARTS
from aqa.models.runs import RunError
from aqa.models.training.distributed import ProcessGroup
from aqa.workflows.finetune.settings import Recipe
from aqa.workflows.finetune.states import TrainingState, TrainingStates
from aqa.workflows.finetune.trainer import (
    FineTuner,
    Scored,
    chosen_epochs,
    clip_features,
    passes_of,
    shown,
    trainable_head,
    trainable_heads,
)

ALONE = ProcessGroup(torch.device("cpu"))
RECIPE = Recipe(epochs=3, batch_size=3, lr_backbone=1e-3, lr_head=1e-2)
SMALL: dict[str, dict[str, Any]] = {
    "lstm": {"hidden": 5},
    "fragments": {"fragment": "last", "dropout": 0.0},
    "scoringnet": {
        "hidden": 5,
        "difficulty_stages": "flight",
        "execution_stages": "flight,entry",
    },
    "gdlt": {"hidden": 8, "dropout": 0.0},
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


class Pictures:
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


def scored(n: int = 7, stop_after: int | None = None, name: str = "lstm") -> Scored:
    """With the columns of this head; the middles of clips are at 2, 6 and 10, or one earlier."""
    pictures = Pictures(n, stop_after)
    scores = pictures.brightness / 2
    stages = [{"flight": 0, "entry": 2}, {"flight": 2, "entry": 6}, {"flight": 5, "entry": 9}]
    made = {
        "judges": [(score / 12,) * 7 for score in scores],
        "attributes": [{"position": "ABC"[i % 3]} for i in range(n)],
        "difficulty": [2.0 + i % 4 / 2 for i in range(n)],
        "execution": [None] * n,
        "action": ["diving"] * n,
        "stages": [stages[i % 3] for i in range(n)],
    }
    columns = {k: made[k] for k in trainable_head(name).columns if k in made}
    return Scored(pictures, scores, columns)


def tuner(recipe: Recipe = RECIPE, group: ProcessGroup = ALONE, name: str = "lstm") -> FineTuner:
    """The same untrained network each time."""
    torch.manual_seed(0)
    net, videos = Net(trainable_head(name).takes == "maps"), scored(name=name)
    net.norm.running_mean.uniform_(-0.1, 0.1)
    head = trainable_head(name)(device="cpu").set_params(**SMALL.get(name, {}))
    head.learn_scores(videos.scores, **videos.columns)
    features, columns = clip_features(net, head, videos, recipe, ALONE)
    head.begin(features, videos.scores, **columns)
    return FineTuner(net, head, recipe, group)


def gradients(
    made: FineTuner, update: Sequence[int] = (0, 1, 2, 5), name: str = "lstm"
) -> dict[str, Tensor]:
    """Of an update of videos of 1, 2, 3 and 3 clips."""
    made.joint.train()
    videos = scored(name=name)
    passes = passes_of(update, made.recipe.accumulate, made.group)
    read = shown(videos, made.head, [i for part in passes for i in part.videos])
    made.gradients(passes, read, made._targets(videos))
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
    head, videos = made.head, scored()
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
    head, videos, loss = made.head, scored(name=name), torch.zeros(())
    # Each video's clips in flight, and in flight or entry; a lone clip stands for what it misses.
    key = {0: ([0], [0]), 1: ([0], [0, 1]), 2: ([1], [1, 2]), 5: ([1], [1, 2])}
    for number, chosen in key.items():
        pictures = videos.clips.videos[number]
        hard = videos.columns["difficulty"][number]
        truth = {"difficulty": hard, "execution": videos.scores[number] / hard}
        for part, clips in zip(PARTS, chosen, strict=True):
            branch = head.branches_[part]
            features = torch.cat([made.joint.backbone(pictures[i : i + 1]) for i in clips])
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
    assert_same(gradients(tuner(replace(RECIPE, **change))), gradients(tuner()))


def test_half_precision_gives_nearly_the_same_gradient() -> None:
    plain = torch.cat([g.flatten() for g in gradients(tuner()).values()])
    half = gradients(tuner(replace(RECIPE, precision="bfloat16")))
    mixed = torch.cat([g.flatten() for g in half.values()])
    assert not torch.equal(plain, mixed)
    assert torch.nn.functional.cosine_similarity(plain, mixed, dim=0) > 0.99


def test_frozen_statistics_stay_and_live_ones_move() -> None:
    for batch_norm, moves in (("frozen", False), ("live", True)):
        made = tuner(replace(RECIPE, batch_norm=batch_norm))
        norm = made.joint.backbone.norm
        before = {k: v.clone() for k, v in norm.state_dict().items()}
        made.epoch(scored(), 1)
        for name in ("running_mean", "running_var"):
            assert torch.equal(before[name], norm.state_dict()[name]) != moves
        assert not torch.equal(before["weight"], norm.weight)


def test_live_statistics_count_a_clip_that_is_seen_again_once() -> None:
    made = tuner(replace(RECIPE, batch_norm="live", clips_at_once=2))
    plain = tuner(replace(RECIPE, batch_norm="live"))
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
    made.step(passes_of([3], 1, ALONE), shown(videos, made.head, [3]), made._targets(videos))
    for name, after in made.joint.named_parameters():
        # Adam's first step is the learning rate, wherever there is a gradient.
        moved = (after.detach() - before[name]).abs()[after.grad.abs() > 1e-4]
        lr = 1e-3 if name.startswith("backbone.") else 1e-2
        torch.testing.assert_close(moved, torch.full_like(moved, lr), rtol=2e-2, atol=0.0)


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_every_video_counts_once_over_all_passes(size: int, accumulate: int, n: int) -> None:
    groups = [ProcessGroup(torch.device("cpu"), rank, size) for rank in range(size)]
    passes = [passes_of(range(n), accumulate, group) for group in groups]
    each = [(i, p.weight / len(p.videos)) for own in passes for p in own for i in p.videos]
    weights = np.zeros(n)
    for video, weight in each:
        weights[video] += weight
    np.testing.assert_allclose(weights, 1 / n)
    assert all(own for own in passes)


def fit(
    folder: Path, recipe: Recipe = RECIPE, stop_after: int | None = None, name: str = "lstm"
) -> TrainingState:
    """A training as a process makes it: from the newest state, if there is one."""
    states = TrainingStates(folder, {"epochs": recipe.epochs})
    state, made = states.newest(), tuner(recipe, name=name)
    train, validation = scored(stop_after=stop_after, name=name), scored(3, name=name)
    return made.fit(train, validation, states, state)


@pytest.mark.parametrize(
    ("precision", "name"), [("float32", "lstm"), ("float16", "lstm"), ("float32", "scoringnet")]
)
def test_a_training_killed_twice_ends_the_same(tmp_path: Path, precision: str, name: str) -> None:
    recipe = replace(RECIPE, precision=precision)
    whole = fit(tmp_path / "whole", recipe, name=name)
    for videos in (5, 10):  # in the middle of epoch 1, then of epoch 2
        with pytest.raises(KeyboardInterrupt):
            fit(tmp_path / "killed", recipe, stop_after=videos, name=name)
    killed = fit(tmp_path / "killed", recipe, name=name)
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
    videos, head = scored(name="scoringnet"), tuner(name="scoringnet").head
    plain, shifted = (list(shown(videos, head, [1, 2, 5], epoch)) for epoch in (None, 1))
    # The middles of video 2 are at 2, 6 and 10, its flight begins at 5; shifted by one frame, its
    # second clip's middle is at 5.
    assert [own.columns["clips"].tolist() for own in plain[1:]] == [[[4, 8], [8, 12]]] * 2
    assert [own.columns["clips"].tolist() for own in shifted[1:]] == [[[3, 7], [7, 11]]] * 2
    # Of video 1 they are at 2 and 6 with flight from 2; one frame earlier the first is before it,
    # and the second is in flight, the entry being at 6.
    assert [len(own.pictures) for own in (plain[0], shifted[0])] == [2, 1]
    torch.testing.assert_close(shifted[0].pictures, videos.clips.videos[1][1:] + 1)


def test_the_epoch_is_chosen_by_the_fused_score() -> None:
    made, videos = tuner(name="scoringnet"), scored(name="scoringnet")
    value = made.evaluate(videos)
    errors = []
    for row, own in enumerate(shown(videos, made.head, range(7))):
        features = made.joint.backbone(own.pictures).detach().numpy()
        columns = {"clips": [own.columns["clips"]], "stages": [own.columns["stages"]]}
        parts = made.head.parts([features], **columns)
        score = parts["difficulty"][0] * parts["execution"][0]
        errors.append((score - videos.scores[row]) / videos.scores.std())
    assert value == pytest.approx(np.mean(np.square(errors)), rel=1e-4)


def test_a_ranking_margin_survives_a_kill() -> None:
    made = tuner(name="scoringnet").head
    again = trainable_head("scoringnet")(**made.get_params()).restore(made.state())
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


def test_a_state_of_other_settings_is_refused_with_both_values(tmp_path: Path) -> None:
    states = TrainingStates(tmp_path, {"recipe": {"lr_head": 1e-4}})
    states.save(TrainingState(2, {"x": torch.ones(1)}, [], {}))
    with pytest.raises(RunError, match=r"recipe.lr_head is 0.0001, not 0.001.*--restart"):
        TrainingStates(tmp_path, {"recipe": {"lr_head": 1e-3}}).newest()


@pytest.mark.parametrize("content", [b"", b"\x80\x04pickle", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_damaged_state_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "epoch-1.safetensors").write_bytes(content)
    with pytest.raises(RunError, match=r"epoch-1.safetensors: not a state.*--restart"):
        TrainingStates(tmp_path, {}).newest()


def test_a_loss_that_is_not_finite_stops_it(tmp_path: Path) -> None:
    made = tuner(replace(RECIPE, lr_head=1e30, lr_backbone=1e30))
    states = TrainingStates(tmp_path, {})
    with pytest.raises(HeadError, match=r"the loss is (nan|inf) in epoch \d; lower --lr-backbone"):
        made.fit(scored(), scored(3), states)
    assert states.newest() is not None


def test_the_epochs_that_results_are_made_of() -> None:
    rows = [
        {"epoch": 0, "val_loss": 0.1, "test_loss": 0.1},
        {"epoch": 1, "val_loss": 3.0, "test_loss": 0.5},
        {"epoch": 2, "val_loss": 2.0, "test_loss": 0.6},
        {"epoch": 3, "val_loss": 2.5, "test_loss": 0.7},
    ]
    assert chosen_epochs(rows) == {"chosen": 2, "last": 3, "best-on-test": 1}
    rows = [{k: v for k, v in row.items() if k != "test_loss"} for row in rows]
    assert chosen_epochs(rows) == {"chosen": 2, "last": 3}
    assert chosen_epochs(rows[:1]) == {}


@pytest.mark.parametrize("name", trainable_heads())
def test_every_such_head_learns_with_its_backbone(tmp_path: Path, name: str) -> None:
    epochs = 24 if name == "gdlt" else 8
    made, videos = tuner(replace(RECIPE, epochs=epochs), name=name), scored(name=name)
    state = made.fit(videos, videos, TrainingStates(tmp_path / "s", {}))
    losses = [row["val_loss"] for row in state.history]
    assert losses[-1] < 0.8 * losses[0]
    restored = trainable_head(name)(**made.head.get_params())
    restored.restore({k: v.numpy() for k, v in part_of("head", state.tensors).items()})
    features, columns = clip_features(made.joint.backbone, made.head, videos, RECIPE, ALONE)
    for head in (made.head, restored):
        head.finish(state.history, epochs, *[(features, videos.scores, columns)] * 2)
        assert head.chosen["best_epoch"]
    asked = {column: columns[column] for column in restored.answer_columns}
    predicted = made.head.predict(features, **asked)
    np.testing.assert_array_equal(restored.predict(features, **asked), predicted)
    assert np.corrcoef(predicted, videos.scores)[0, 1] > 0.5


def test_two_trainings_do_not_share_a_folder(tmp_path: Path) -> None:
    states = TrainingStates(tmp_path / "s", {})
    with (
        states.locked(),
        pytest.raises(RunError, match="another process is training there"),
        TrainingStates(tmp_path / "s", {}).locked(),
    ):
        pass
    with states.locked():
        pass


def test_heads_that_cannot_be_trained_end_to_end_are_refused() -> None:
    assert "lstm" in trainable_heads()
    for name in ("svr", "siamese", "score", "type-lstm", "lstm-svr", "core", "kfs"):
        with pytest.raises(HeadError, match=rf"{name} cannot .* those that can: .*lstm"):
            trainable_head(name)


WORKER = """
import sys, torch
torch.set_num_threads(1)
sys.path.insert(0, sys.argv[1])
import test_finetune as tests
from aqa.models.training.distributed import join_processes
with join_processes("cpu") as group:
    assert group.size == 2
    recipe = tests.replace(tests.RECIPE, clips_at_once=2)
    even = tests.gradients(tests.tuner(recipe, group))
    made = tests.tuner(recipe, group)
    one = tests.gradients(made, [5])  # less than a video for each
    loss = made.epoch(tests.scored(), 1)
    value = made.evaluate(tests.scored(3))
    after = {f"after.{k}": v.detach() for k, v in made.joint.named_parameters()}
    both = tests.gradients(tests.tuner(recipe, group, "scoringnet"), name="scoringnet")
    torch.save([even, one, both, after, loss, value], f"{sys.argv[2]}/{group.rank}.pt")
"""


def test_two_processes_are_as_one(tmp_path: Path) -> None:
    here = str(Path(__file__).parent)
    environment = os.environ | {
        "MASTER_ADDR": "localhost",
        "MASTER_PORT": "0",
        "WORLD_SIZE": "2",
        "TORCHELASTIC_RUN_ID": "test",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "OMP_NUM_THREADS": "1",
    }
    import socket

    with socket.socket() as free:
        free.bind(("localhost", 0))
        environment["MASTER_PORT"] = str(free.getsockname()[1])
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, here, str(tmp_path)],
            env=environment | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
        )
        for rank in range(2)
    ]
    for worker in workers:
        _, error = worker.communicate(timeout=120)
        assert worker.returncode == 0, error.decode()
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
