"""Key fragments: the stage of every frame, by an LSTM (li2018scoringnet §3.1)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from aqa.device import deterministic_kernels, pick_device
from aqa.models.examples import Examples, Sequences
from aqa.models.heads.base import (
    Head,
    HeadError,
    check_fit,
    check_sequences,
    pack_texts,
    param,
    unpack_texts,
)
from aqa.models.heads.base.head import Kind
from aqa.models.heads.base.network import NetworkHead
from aqa.models.stages import (
    frame_posteriors,
    hand_starts,
    stage_names,
    stage_starts,
    stages_at,
)
from aqa.models.training.loop import Trainer, VideoBatch

UNLABELLED = -1  # of what lies behind a video's end in a batch


class StageNet(nn.Module):
    """A Bi-LSTM and two dense layers, on each clip (li2018scoringnet §3.1)."""

    def __init__(self, dim: int, hidden: int, n_stages: int):
        super().__init__()
        self.lstm = nn.LSTM(dim, hidden, batch_first=True, bidirectional=True)
        self.dense = nn.Linear(2 * hidden, hidden)
        self.last = nn.Linear(hidden, n_stages)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(n, clips, dim) padded behind, lengths (n,) -> (n, clips, stages), before softmax."""
        # Packed, or the backward half would read the padding first.
        packed = pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        logits: Tensor = self.last(self.dense(states).relu())
        return logits

    @classmethod
    def of(cls, tensors: Mapping[str, Tensor]) -> StageNet:
        """The network of these tensors, whatever its widths."""
        hidden, dim = tensors["lstm.weight_hh_l0"].shape[1], tensors["lstm.weight_ih_l0"].shape[1]
        net = cls(dim, hidden, len(tensors["last.bias"]))
        net.load_state_dict(tensors)
        return net


@dataclass(frozen=True)
class LabelledVideos:
    """Videos on one device: features (n_clips, dim) and stages (n_clips,) of each."""

    sequences: Sequence[Tensor]
    labels: Sequence[Tensor]

    def __len__(self) -> int:
        return len(self.sequences)

    def batches(self, size: int, order: Tensor | None = None) -> Iterator[VideoBatch]:
        """See `BatchSource`; the targets are (n, longest)."""
        for chosen in (torch.arange(len(self)) if order is None else order).split(size):
            picked = [self.sequences[i] for i in chosen.tolist()]
            labels = [self.labels[i] for i in chosen.tolist()]
            lengths = torch.tensor([len(s) for s in picked], device=picked[0].device)
            targets = pad_sequence(labels, batch_first=True, padding_value=UNLABELLED)
            yield VideoBatch(pad_sequence(picked, batch_first=True), lengths, targets)

    def pick(self, indices: NDArray[np.intp]) -> LabelledVideos:
        """The videos of these numbers."""
        numbers = indices.tolist()
        return LabelledVideos(
            [self.sequences[i] for i in numbers], [self.labels[i] for i in numbers]
        )


def stage_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy over all clips (li2018scoringnet eq. 5, whose print is faulty).

    logits: (n, clips, stages). targets: (n, clips), `UNLABELLED` where a video has ended.
    """
    return cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=UNLABELLED)


class StageTrainer(Trainer):
    """Trains a `StageNet`; each clip has the same weight, whatever batch it is in."""

    def count(self, batch: VideoBatch) -> int:
        """See `Trainer.count`: the clips that have a stage."""
        return int((batch.targets != UNLABELLED).sum())


@dataclass(repr=False, eq=False)
class KFSHead(NetworkHead):
    """Predicts the stage of every frame by a Bi-LSTM over dense clips; predicts no scores.

    It learns from the manifest's hand-labelled columns stage_<name>. li2018scoringnet reads a C3D
    without pooling in time, so that every frame has a vector; here it is a store of overlapping
    clips (`--stride 4`), each with the stage of its middle frame. Fitted besides: `names_`, and
    `stride_`, the frames from one clip to the next.
    """

    hidden: int = param(
        128, "width of each direction of the LSTM, and of the dense layer", source="ours"
    )

    kind: ClassVar[Kind] = "stages"
    columns: ClassVar[tuple[str, ...]] = ("clips", "stages")
    fitted: ClassVar[tuple[str, ...]] = (*NetworkHead.fitted, "names_", "stride_")

    def fit_examples(
        self,
        train: Examples,
        validation: Examples | None = None,
        *,
        others: Examples | None = None,
        start: Head | None = None,
    ) -> KFSHead:
        """See `Head.fit_examples`; scores are not looked at.

        The column stages holds of each video, name -> first frame.
        """
        sequences, _ = check_fit(train.features, train.scores, ids=train.ids)
        self.check_params()
        clips, stages = (train.columns.get(name) for name in self.columns)
        if clips is None or stages is None:
            raise HeadError("it learns from each video's `clips` and `stages`; give both")
        names = stage_names(stages)
        self.names_ = pack_texts(names)
        self.stride_ = np.array(stride_of(clips))
        self.fit_scaling(sequences)
        every = self._labelled(sequences, clips, stages, train.ids)
        learned, held = every, None
        self.held_out_ = np.arange(0)
        if validation is not None and len(validation):
            more = check_sequences(validation.features, ids=validation.ids)
            their_clips, their_stages = (validation.columns[name] for name in self.columns)
            held = self._labelled(more, their_clips, their_stages, validation.ids)
        else:
            kept, self.held_out_ = self.hold_out(len(every), groups=train.groups)
            if len(self.held_out_):
                learned, held = every.pick(kept), every.pick(self.held_out_)

        def make() -> nn.Module:
            return StageNet(len(self.centre_), self.hidden, len(names))

        def trainer(net: nn.Module) -> Trainer:
            return StageTrainer(net, stage_loss, self.training_settings(), self.seed)

        self.train_net(make, learned, held, trainer)
        if len(self.held_out_):
            self.refit_net(make, lambda: every, trainer)
        return self

    @property
    def answer_columns(self) -> tuple[str, ...]:
        """See `Head.answer_columns`."""
        return ("clips",)

    def needed_columns(self, start: Head | None = None) -> tuple[str, ...]:
        """See `Head.needed_columns`."""
        return ("stages",)

    @property
    def stages(self) -> tuple[str, ...]:
        """See `StageHead.stages`."""
        return tuple(unpack_texts(self.names_))

    @torch.no_grad()
    @deterministic_kernels()
    def posteriors(self, x: Sequences) -> list[NDArray[np.float64]]:
        """See `StageHead.posteriors`."""
        self.check_fitted()
        sequences = check_sequences(x, len(self.centre_))
        device = pick_device(self.device)
        net = self.net_.to(device).eval()
        videos = self.tensors(sequences, np.zeros(len(sequences)))
        posteriors = []
        for batch in videos.batches(self.batch_size):
            chances = net(batch.x, batch.lengths).double().softmax(dim=2).cpu().numpy()
            posteriors += [
                rows[:length] for rows, length in zip(chances, batch.lengths.tolist(), strict=True)
            ]
        return posteriors

    def starts(
        self, x: Sequences, *, clips: Sequence[NDArray[np.integer]], n_frames: Sequence[int]
    ) -> list[NDArray[np.intp]]:
        """See `StageHead.starts`."""
        return [
            stage_starts(frame_posteriors(posteriors, ranges, n))
            for posteriors, ranges, n in zip(self.posteriors(x), clips, n_frames, strict=True)
        ]

    def restore_net(self, tensors: Mapping[str, Tensor]) -> nn.Module:
        """See `NetworkHead.restore_net`."""
        return StageNet.of(tensors)

    def _labelled(
        self,
        sequences: list[NDArray[np.float32]],
        clips: Sequence[NDArray[np.integer]],
        stages: Sequence[Mapping[str, int]],
        ids: Sequence[str],
    ) -> LabelledVideos:
        device = pick_device(self.device)
        starts = hand_starts(stages, self.stages, ids)
        labels = [
            stages_at(video_starts, ranges)
            for video_starts, ranges in zip(starts, clips, strict=True)
        ]
        return LabelledVideos(
            self.tensors(sequences, np.zeros(len(sequences))).sequences,
            [
                torch.as_tensor(clip_labels, dtype=torch.long, device=device)
                for clip_labels in labels
            ],
        )


def stride_of(clips: Sequence[NDArray[np.integer]]) -> int:
    """The median number of frames from one clip's start to the next one's."""
    steps = np.concatenate([np.diff(ranges[:, 0]) for ranges in clips])
    return int(np.median(steps)) if len(steps) else 0


def check_stride(kfs: KFSHead, clips: Sequence[NDArray[np.integer]]) -> None:
    """Raise `HeadError` where these clips are not as far apart as those `kfs` was fitted on."""
    if stride_of(clips) != int(kfs.stride_):
        raise HeadError(
            f"the kfs was fitted on clips every {int(kfs.stride_)} frames, these come every "
            f"{stride_of(clips)}; fit it on the same store"
        )


HEAD = KFSHead
