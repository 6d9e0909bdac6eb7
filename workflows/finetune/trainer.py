"""A backbone and a head trained together, from pictures to the head's own loss (farabi2021 §3, 4.2).

The backbone is any module, the pictures come from any dataset: nothing here knows of video.
"""

from __future__ import annotations

import copy
import itertools
import math
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol, TypeGuard

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from aqa.device import deterministic_kernels
from aqa.models.heads import get_head, head_names
from aqa.models.heads.base import BaseHead, HeadError, part_of, under
from aqa.models.heads.base.joint import JointHead
from aqa.models.training.distributed import ProcessGroup
from aqa.workflows.finetune.settings import Recipe
from aqa.workflows.finetune.states import TrainingState, TrainingStates

# Shown together where nothing is learned.
_CLIPS_A_PASS = 16
_DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


class Clips(Protocol):
    """Videos that can be shown again and again."""

    def __len__(self) -> int:
        """The number of videos."""
        ...

    def read(
        self, order: Sequence[int], epoch: int | None = None
    ) -> Iterator[tuple[Tensor, NDArray[np.intp]]]:
        """What the backbone takes, (clips, ...) a video, and each clip's frames, (clips, 2).

        As augmented in `epoch`; None: plain.
        """
        ...


# The columns of a head, one value a video.
Columns = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Scored:
    """Videos, their (n,) scores in points, and the head's columns but `clips`, as it has them."""

    clips: Clips
    scores: NDArray[np.float64]
    columns: Columns = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.clips)


class Shown(NamedTuple):
    """A video as it is shown: pictures of the clips that the head reads, its row of columns."""

    pictures: Tensor
    columns: Mapping[str, Any]


def shown(
    videos: Scored, head: JointHead, order: Sequence[int], epoch: int | None = None
) -> Iterator[Shown]:
    """The videos of these numbers, one after the other; see `Clips.read`."""
    for number, (pictures, clips) in zip(order, videos.clips.read(order, epoch), strict=True):
        columns = {name: values[number] for name, values in videos.columns.items()}
        if "clips" in head.columns:
            columns["clips"] = clips
        read = head.reads(**columns)
        if read is not None:
            pictures, columns["clips"] = pictures[read], clips[read]
        yield Shown(pictures, columns)


def joined_columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """One mapping a video to one list a column."""
    return {name: [row[name] for row in rows] for name in rows[0]}


def trainable_heads() -> list[str]:
    """The heads that can be trained end to end."""
    return [name for name in head_names() if _trainable(get_head(name))]


def trainable_head(name: str) -> type[JointHead]:
    """The class of a head that can be trained end to end; `HeadError` for one that cannot."""
    head = get_head(name)
    if not _trainable(head):
        raise HeadError(
            f"{name} cannot be trained end to end; those that can: {', '.join(trainable_heads())}"
        )
    return head


def _trainable(head: type[BaseHead]) -> TypeGuard[type[JointHead]]:
    return bool(getattr(head, "end_to_end", False))


class EndToEnd(nn.Module):
    """Pictures to the head's loss: the backbone, and what the head makes of its features.

    The head's scaling was fitted to the backbone's features before training.
    """

    def __init__(self, backbone: nn.Module, head: JointHead, recipe: Recipe):
        super().__init__()
        self.backbone, self.net = backbone, head.module
        self._loss = head.joint_loss()
        self._recipe = recipe
        self._norms = [m for m in backbone.modules() if isinstance(m, _BatchNorm)]

    def train(self, mode: bool = True) -> EndToEnd:
        """See `nn.Module.train`; frozen batch norms stay in eval mode."""
        super().train(mode)
        if self._recipe.batch_norm == "frozen":
            for norm in self._norms:
                norm.eval()
        return self

    def forward(
        self, clips: Tensor, lengths: Sequence[int], targets: Tensor, columns: Columns
    ) -> Tensor:
        """clips (sum of lengths, ...), a length, a row of targets and columns a video -> ()."""
        features = self.features(clips).split(list(lengths))
        return self._loss(features, targets, **columns)

    def features(self, clips: Tensor) -> Tensor:
        """(n, ...) -> float32 (n, dim), or maps."""
        size = self._recipe.clips_at_once
        if size is None or size >= len(clips):
            return self._see(clips)
        return torch.cat([self._see_again(part) for part in clips.split(size)])

    def _see(self, clips: Tensor) -> Tensor:
        return _features(self.backbone, clips, self._recipe.precision)

    def _see_again(self, clips: Tensor) -> Tensor:
        """As `_see`, but keeps nothing for the way back."""
        if not torch.is_grad_enabled():
            return self._see(clips)
        features: Tensor = checkpoint(
            self._see, clips, use_reentrant=False, context_fn=self._contexts
        )
        return features

    def _contexts(self) -> tuple[AbstractContextManager[Any], AbstractContextManager[Any]]:
        return nullcontext(), self._still_norms()

    @contextmanager
    def _still_norms(self) -> Iterator[None]:
        """A clip that is seen again must not count twice in live batch norms' averages."""
        momenta = [norm.momentum for norm in self._norms]
        for norm in self._norms:
            norm.momentum = 0.0
        try:
            yield
        finally:
            for norm, momentum in zip(self._norms, momenta, strict=True):
                norm.momentum = momentum


def _features(backbone: nn.Module, clips: Tensor, precision: str) -> Tensor:
    """Clips to float32 features, the backbone's arithmetic in this precision."""
    dtype = _DTYPES.get(precision)
    with torch.autocast(clips.device.type, dtype, enabled=dtype is not None):
        features: Tensor = backbone(clips)
    return features.float()


@torch.no_grad()
def clip_features(
    backbone: nn.Module, head: JointHead, videos: Scored, recipe: Recipe, group: ProcessGroup
) -> tuple[list[NDArray[np.float32]], dict[str, list[Any]]]:
    """Every video's features of the clips that the head reads, and its columns.

    In every process; as the videos are, in its share of the work.
    """
    backbone.to(group.device).eval()
    seen = []
    with deterministic_kernels():
        for video in shown(videos, head, group.share(range(len(videos)))):
            parts = [
                _features(backbone, part.to(group.device), recipe.precision)
                for part in video.pictures.split(_CLIPS_A_PASS)
            ]
            seen.append((torch.cat(parts).cpu().numpy(), video.columns))
    seen = group.gather(seen)
    return [features for features, _ in seen], joined_columns([columns for _, columns in seen])


class Pass(NamedTuple):
    """Videos, by number, that are shown together, and what their mean loss counts for."""

    videos: list[int]
    weight: float


def passes_of(update: Sequence[int], accumulate: int, group: ProcessGroup) -> list[Pass]:
    """A process's passes of an update; over all processes the weights add up to 1.

    A process without a share shows the first video for nothing, since all must take part.
    """
    cuts = np.linspace(0, len(update), group.size * accumulate + 1).round().astype(int).tolist()
    own = cuts[group.rank * accumulate : (group.rank + 1) * accumulate + 1]
    parts = [list(update[a:b]) for a, b in itertools.pairwise(own) if b > a]
    passes = [Pass(part, len(part) / len(update)) for part in parts]
    return passes or [Pass([update[0]], 0.0)]


class Progress:
    """What a training tells as it goes; this one is silent."""

    def start(self, epoch: int, n_videos: int) -> None:
        """An epoch over so many videos begins."""

    def videos(self, n: int) -> None:
        """So many more videos were learned from."""

    def epoch(self, row: Mapping[str, Any]) -> None:
        """An epoch has ended; its row of the history."""

    def line(self, text: str) -> None:
        """What a reader must know."""


class FineTuner:
    """One training of a backbone and a head; the head is left with the network it was given."""

    def __init__(self, backbone: nn.Module, head: JointHead, recipe: Recipe, group: ProcessGroup):
        self.head, self.recipe, self.group = head, recipe, group
        self.joint = EndToEnd(backbone, head, recipe).to(group.device)
        # Wrapping copies the first process's weights and buffers to the others.
        self._module: nn.Module = self.joint
        if group.size > 1:
            self._module = DistributedDataParallel(
                self.joint,
                device_ids=[group.device] if group.device.type == "cuda" else None,
            )
        groups = [
            {"params": list(self.joint.backbone.parameters()), "lr": recipe.lr_backbone},
            {"params": list(self.joint.net.parameters()), "lr": recipe.lr_head},
        ]
        self.optimizer = torch.optim.Adam(groups, fused=True)
        self._scaler = torch.amp.GradScaler(
            group.device.type, enabled=recipe.precision == "float16"
        )
        if group.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(group.device)

    # A step, an epoch ---------------------------------------------------------------------------

    def gradients(self, passes: Sequence[Pass], videos: Iterator[Shown], targets: Tensor) -> float:
        """Leave an update's gradient in the weights; this process's part of the loss before it.

        passes: this process's. videos: theirs, in order. targets: of all videos, a row each.
        """
        self.optimizer.zero_grad()
        loss = 0.0
        for number, (numbers, weight) in enumerate(passes):
            last = number == len(passes) - 1
            with nullcontext() if last or self.group.size == 1 else self._module.no_sync():  # type: ignore[operator]
                some = [next(videos) for _ in numbers]
                part = weight * self._loss(self._module, some, targets[numbers])
                # What the processes have is averaged, not added up.
                self._scaler.scale(part * self.group.size).backward()
            loss += float(part.detach())
        return loss

    def step(self, passes: Sequence[Pass], videos: Iterator[Shown], targets: Tensor) -> float:
        """One update of all weights; see `gradients`."""
        loss = self.gradients(passes, videos, targets)
        self._scaler.step(self.optimizer)
        self._scaler.update()
        return loss

    def epoch(self, videos: Scored, number: int, progress: Progress | None = None) -> float:
        """One pass over the videos, in an order of this epoch's own; their mean loss.

        All chance is drawn by (seed, epoch), so that an epoch can be begun again.
        """
        self.joint.train()
        recipe, group = self.recipe, self.group
        (seed,) = np.random.SeedSequence([recipe.seed, number, group.rank]).generate_state(1)
        torch.manual_seed(int(seed))
        order = np.random.default_rng([recipe.seed, number]).permutation(len(videos)).tolist()
        updates = [
            order[i : i + recipe.batch_size] for i in range(0, len(order), recipe.batch_size)
        ]
        passes = [passes_of(update, recipe.accumulate, group) for update in updates]
        own_order = [i for own in passes for part in own for i in part.videos]
        read, targets = shown(videos, self.head, own_order, number), self._targets(videos)
        total = 0.0
        for update, own in zip(updates, passes, strict=True):
            total += self.step(own, read, targets) * len(update)
            if progress:
                progress.videos(len(update))
        return float(sum(group.gather([total]))) / len(order)

    def evaluate(self, videos: Scored) -> float:
        """The head's loss on videos, without learning from them."""
        self.joint.eval()
        net = self.joint.backbone
        features, columns = clip_features(net, self.head, videos, self.recipe, self.group)
        return self.head.loss_on(features, videos.scores, **columns)

    def _targets(self, videos: Scored) -> Tensor:
        targets = self.head.targets(videos.scores, **videos.columns)
        return torch.as_tensor(targets, dtype=torch.float32, device=self.group.device)

    def _loss(self, module: nn.Module, videos: Sequence[Shown], targets: Tensor) -> Tensor:
        pictures = torch.cat([video.pictures for video in videos])
        if self.group.device.type == "cuda":
            pictures = pictures.pin_memory()
        loss: Tensor = module(
            pictures.to(self.group.device, non_blocking=True),
            [len(video.pictures) for video in videos],
            targets,
            joined_columns([video.columns for video in videos]),
        )
        return loss

    # The training -------------------------------------------------------------------------------

    def fit(
        self,
        train: Scored,
        validation: Scored,
        states: TrainingStates,
        state: TrainingState | None = None,
        notes: Mapping[str, Any] | None = None,
        *,
        test: Scored | None = None,
        progress: Progress | None = None,
    ) -> TrainingState:
        """Train all epochs, from the beginning or from `state`, each saved in `states`; the last.

        notes: to keep in the states. test: evaluated after each epoch, for the best epoch on them.
        Raises `HeadError` where the loss is not finite or the GPU's memory is too small.
        """
        devices = [self.group.device] if self.group.device.type == "cuda" else []
        progress = progress or Progress()
        with torch.random.fork_rng(devices=devices), deterministic_kernels():
            if state is not None:
                self.restore(state.tensors)
            else:
                row = {"epoch": 0, "train_loss": None, **self._evaluated(validation, test)}
                state = self._save(states, TrainingState(0, {}, [row], notes or {}), progress)
            for number in range(state.epoch + 1, self.recipe.epochs + 1):
                started = time.perf_counter()
                progress.start(number, len(train))
                row = {"epoch": number, "train_loss": self._epoch(train, number, progress)}
                row |= self._evaluated(validation, test)
                row["seconds"] = round(time.perf_counter() - started, 3)
                row["memory_gb"] = _peak_memory(self.group.device)
                history = [*state.history, row]
                state = self._save(
                    states, TrainingState(number, {}, history, state.notes), progress
                )
        return state

    def _epoch(self, train: Scored, number: int, progress: Progress) -> float:
        try:
            loss = self.epoch(train, number, progress)
        except torch.cuda.OutOfMemoryError:
            raise HeadError(
                f"the memory of {self.group.device} is too small for a pass; keep fewer "
                "activations with --clips-at-once 1, or use --precision bfloat16"
            ) from None
        if not math.isfinite(loss):
            raise HeadError(
                f"the loss is {loss} in epoch {number}; lower --lr-backbone and --lr-head"
            )
        return loss

    def _evaluated(self, validation: Scored, test: Scored | None) -> dict[str, float]:
        losses = {"val_loss": self.evaluate(validation)}
        return losses if test is None else losses | {"test_loss": self.evaluate(test)}

    def _save(
        self, states: TrainingStates, state: TrainingState, progress: Progress
    ) -> TrainingState:
        state = replace(state, tensors=self.tensors())
        if self.group.first:
            states.save(state, keep=chosen_epochs(state.history).values())
            progress.epoch(state.history[-1])
        return state

    # Its state ----------------------------------------------------------------------------------

    def tensors(self) -> dict[str, Tensor]:
        """Everything that training goes on from, on any device."""
        head = {k: torch.from_numpy(np.array(v)) for k, v in self.head.state().items()}
        scaler = {k: torch.tensor(v) for k, v in self._scaler.state_dict().items()}
        return {
            **under("backbone", self.joint.backbone.state_dict()),
            **under("head", head),
            **{
                f"optimizer.{key}.{name}": value
                for name, parameter in self.joint.named_parameters()
                for key, value in self.optimizer.state[parameter].items()
            },
            **under("scaler", scaler),
        }

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on from there; the head's own arrays are its `restore`'s business."""
        self.joint.backbone.load_state_dict(part_of("backbone", tensors))
        arrays = {key: value.numpy() for key, value in part_of("head", tensors).items()}
        head = copy.deepcopy(self.head).restore(arrays)
        self.joint.net.load_state_dict(head.module.state_dict())
        moments = part_of("optimizer", tensors)
        for name, parameter in self.joint.named_parameters():
            self.optimizer.state[parameter] = {
                key.partition(".")[0]: value.to(parameter.device)
                for key, value in moments.items()
                if key.partition(".")[2] == name
            }
        scaler = part_of("scaler", tensors)
        if scaler:
            self._scaler.load_state_dict({key: value.item() for key, value in scaler.items()})


def chosen_epochs(history: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """The epochs that results are made of, by what they are called.

    chosen: of the least validation loss. last: the last. best-on-test: of the least test loss,
    where that was asked for. The state before training is none of them.
    """
    rows = history[1:]
    if not rows:
        return {}
    chosen = {
        "chosen": min(rows, key=lambda row: row["val_loss"])["epoch"],
        "last": rows[-1]["epoch"],
    }
    if "test_loss" in rows[0]:
        chosen["best-on-test"] = min(rows, key=lambda row: row["test_loss"])["epoch"]
    return chosen


def _peak_memory(device: torch.device) -> float | None:
    """The most that was needed so far, in 10^9 bytes: of a GPU, or by the whole process."""
    if device.type == "cuda":
        return round(torch.cuda.max_memory_allocated(device) / 1e9, 3)
    if sys.platform == "win32":
        return None
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9, 3)
