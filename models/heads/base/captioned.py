"""What a head shares that learns to write commentary beside what it predicts."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aqa.annotations.commentary import words_of
from aqa.device import deterministic_kernels, pick_device
from aqa.errors import AqaWarning, HeadError
from aqa.models.examples import Examples
from aqa.models.heads.base.caption_network import CaptionNetwork, caption_loss
from aqa.models.heads.base.head import Head
from aqa.models.heads.base.network import NetworkHead
from aqa.models.heads.base.params import param
from aqa.models.heads.base.vocabulary import NONE, Vocabulary
from aqa.models.training.loop import BatchSource, Trainer, VideoBatch, threads_for

if TYPE_CHECKING:
    from typing_extensions import Self

_AT_A_TIME = 64  # videos that are written of


class CaptionTrainer(Trainer):
    """Trains a `CaptionNetwork`; `start`: of the words among a video's targets."""

    start: int

    def objective(self, batch: VideoBatch) -> Tensor:
        """See `Trainer.objective`: the cross-entropy per word."""
        words = words_among(batch.targets, self.start)
        return caption_loss(self.net(batch.x, batch.lengths, words), words)

    def count(self, batch: VideoBatch) -> int:
        """See `Trainer.count`: words."""
        return int((batch.targets[:, self.start :] != NONE).sum())


class JointTrainer(Trainer):
    """Trains a network and the `captions` in it at once, where a backbone before both learns.

    loss: of the network's outputs and all targets. start: of the words among a video's targets.
    weight: of the words' cross-entropy.
    """

    def __init__(self, head: CaptionedHead, net: nn.Module, loss: Any, start: int):
        super().__init__(net, loss, head.training_settings(), head.seed)
        self.head, self.start, self.weight = head, start, head.caption_weight

    def objective(self, batch: VideoBatch) -> Tensor:
        """See `Trainer.objective`."""
        loss = super().objective(batch)
        words = words_among(batch.targets, self.start)
        if not hasattr(self.net, "captions") or not words.shape[1]:
            return loss
        odds = captions_of(self.net)(batch.x, batch.lengths, words)
        return loss + self.weight * caption_loss(odds, words)

    def without_captions(self) -> Trainer:
        """Trains all but the captions."""
        return Trainer(self.net, self.loss, self.settings, self.head.seed)

    def of_captions(self) -> CaptionTrainer:
        """Trains the captions alone."""
        settings = replace(self.settings, patience=self.head.caption_patience)
        trainer = CaptionTrainer(captions_of(self.net), self.loss, settings, self.head.seed)
        trainer.start = self.start
        return trainer


def joint(trainer: Callable[[nn.Module], Trainer], net: nn.Module) -> JointTrainer:
    """The head's own trainer of a network, which knows both halves."""
    made = trainer(net)
    assert isinstance(made, JointTrainer)
    return made


def has_words(trainer: CaptionTrainer, videos: BatchSource) -> bool:
    """Whether any of the videos has a commentary."""
    return any(trainer.count(batch) for batch in videos.batches(_AT_A_TIME))


def side_by_side(
    rows: Sequence[Mapping[str, Any]], captions: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Epoch by epoch what was learned of the predictions, and of the captions."""
    names = {"train_loss": "caption_loss", "val_loss": "val_caption_loss"}
    learned = [{names[k]: row[k] for k in names if k in row} for row in captions]
    nothing: dict[str, Any] = {}
    pairs = itertools.zip_longest(rows, learned, fillvalue=nothing)
    return [{"epoch": n, **one, **other} for n, (one, other) in enumerate(pairs, start=1)]


def captions_of(net: nn.Module) -> CaptionNetwork:
    """The network within `net` that writes."""
    captions = net.get_submodule("captions")
    assert isinstance(captions, CaptionNetwork)
    return captions


def words_among(targets: Tensor, start: int) -> Tensor:
    """The numbers of words in targets from column `start`, up to the longest text."""
    words = targets[:, start:].long()
    return words[:, : int((words != NONE).sum(dim=1).max()) if words.numel() else 0]


@dataclass(repr=False, eq=False)
class CaptionedHead(NetworkHead):
    """A head whose network holds a `CaptionNetwork`, if training videos have a commentary.

    On stored features the two share no weight. So each is trained by its own loss and stopped by
    its own: the predictions are the same with captions and without. With `refit`, both learn again
    from all training videos, each for as many epochs as was best for it. A head calls
    `learn_captions` in `learn_scores`, puts `caption_targets` behind its own targets, and builds
    `captioned` networks. Fitted: `vocabulary_`.
    """

    captions: bool = param(
        True,
        "learn to write commentary, if the manifest's column commentary has any",
        source="parmar2019what",
    )
    caption_weight: float = param(
        0.01,
        "weight of the cross-entropy per word, where a backbone learns too (aqa finetune); on "
        "stored features nothing is shared",
        source="parmar2019what",
    )
    caption_hidden: int = param(
        256, "width of the networks that read clips and write", source="ours; parmar2019what: 512"
    )
    caption_dropout: float = param(
        0.5, "share of values dropped there in training", source="parmar2019what", below=1
    )
    caption_patience: int = param(
        10, "epochs without a lower validation loss of the words, then they stop", source="ours"
    )
    caption_least: int = param(
        5, "training commentaries' words seen less often are not learned", source="ours"
    )
    caption_words: int = param(
        100, "words of a commentary, at most", source="parmar2019what", below=1001
    )
    beam: int = param(
        3, "texts that are searched at a time when writing; 1: greedy", source="ours", below=65
    )

    caption_once: int | None = param(
        5,
        "no run of so many words is written twice in a text; none: without that limit",
        source="paulus2018 §2.5: 3; ours, by held-out training videos",
    )

    fitted: ClassVar[tuple[str, ...]] = (*NetworkHead.fitted, "vocabulary_")

    @property
    def vocabulary(self) -> Vocabulary:
        """The words that it can write; none where it has learned no commentary."""
        return Vocabulary.unpack(self.vocabulary_)

    @property
    def writes(self) -> bool:
        """Whether it was fitted on commentary."""
        return bool(hasattr(self, "vocabulary_") and self.vocabulary.words)

    def commentary(self, examples: Examples) -> list[str]:
        """See `GivesCommentary`."""
        self.check_fitted()
        self.check_params()
        if not self.writes:
            raise HeadError(f"{type(self).__name__} has learned no commentary")
        return self._write(examples)

    @torch.no_grad()
    @deterministic_kernels()
    def _write(self, examples: Examples) -> list[str]:
        sequences, vocabulary = self.answerable(examples), self.vocabulary
        net = self.net_.to(pick_device(self.device)).eval()
        captions = captions_of(net)
        said: list[str] = []
        with threads_for(net):
            for start in range(0, len(sequences), _AT_A_TIME):
                some = sequences[start : start + _AT_A_TIME]
                (batch,) = self.tensors(some, np.zeros(len(some))).batches(_AT_A_TIME)
                numbers = captions.write(
                    batch.x, batch.lengths, self.caption_words, self.beam, self.caption_once
                )
                said += [vocabulary.decode(row) for row in numbers.tolist()]
        return said

    # Fitting ---------------------------------------------------------------------------------

    def fit_examples(
        self,
        train: Examples,
        validation: Examples | None = None,
        *,
        others: Examples | None = None,
        start: Head | None = None,
    ) -> Self:
        """See `NetworkHead.fit_examples`; says how many videos have no commentary."""
        known = [bool(words_of(text)) for text in train.columns.get("commentary", ())]
        if self.captions and 0 < sum(known) < len(known):
            warnings.warn(
                f"{len(known) - sum(known)} of {len(known)} training videos have no commentary; "
                "how to write is learned from the others",
                AqaWarning,
                stacklevel=2,
            )
        return super().fit_examples(train, validation, others=others, start=start)

    def learn_captions(self, texts: Sequence[str | None] | None) -> None:
        """Learn the words of the training videos' commentary; None: there is none."""
        given = [text for text in texts or () if self.captions and words_of(text)]
        vocabulary = Vocabulary.learn(given, self.caption_least)
        if given and not vocabulary.words:
            raise HeadError(
                f"no word stands {self.caption_least} times in the commentary of the "
                f"{len(given)} training videos that have one: take -p caption_least=1, or "
                "-p captions=false"
            )
        self.vocabulary_ = vocabulary.pack()

    def caption_targets(self, texts: Sequence[str | None] | None, n: int) -> NDArray[np.int64]:
        """The numbers of words of n videos, (n, steps); see `Vocabulary.encode`."""
        if not self.writes or texts is None:
            return np.zeros((n, 0), np.int64)
        if len(texts) != n:
            raise HeadError(f"{len(texts)} values of commentary for {n} videos")
        return self.vocabulary.encode(texts, self.caption_words)

    def captioned(self, net: nn.Module, dim: int) -> nn.Module:
        """The network, with one in it that writes, if it is to."""
        if self.writes:
            size = len(self.vocabulary)
            captions = CaptionNetwork(dim, size, self.caption_hidden, self.caption_dropout)
            net.add_module("captions", captions)
        return net

    def train_net(
        self,
        make: Callable[[], nn.Module],
        train: BatchSource,
        held: BatchSource | None,
        trainer: Callable[[nn.Module], Trainer],
    ) -> None:
        """See `NetworkHead.train_net`: first all but the captions, then these."""
        super().train_net(make, train, held, lambda net: joint(trainer, net).without_captions())
        if not self.writes:
            return
        captions = joint(trainer, self.net_).of_captions()
        if not has_words(captions, train):
            raise HeadError("no video that is not held out to stop by has a commentary")
        rows = self._train_captions(
            captions, train, held if held is not None and has_words(captions, held) else None
        )
        losses = [row.get(captions.criterion, -row["epoch"]) for row in rows]
        self.caption_epoch_ = int(np.argmin(losses)) + 1
        self.history_ = side_by_side(self.history_, rows)

    def refit_net(
        self,
        make: Callable[[], nn.Module],
        every: Callable[[], BatchSource],
        trainer: Callable[[nn.Module], Trainer],
    ) -> None:
        """See `NetworkHead.refit_net`: each for the epochs after which it was best."""
        if not self.refit:
            return
        before = self.history_
        super().refit_net(make, every, lambda net: joint(trainer, net).without_captions())
        if self.writes:
            captions = joint(trainer, self.net_).of_captions()
            rows = self._train_captions(captions, every(), None, self.caption_epoch_)
            known, again = self.history_[: len(before)], self.history_[len(before) :]
            refitted = side_by_side(again, rows)
            self.history_ = [*known, *({**row, "fit": "refit"} for row in refitted)]

    def _train_captions(
        self,
        trainer: CaptionTrainer,
        train: BatchSource,
        held: BatchSource | None,
        epochs: int | None = None,
    ) -> list[dict[str, Any]]:
        device = pick_device(self.device)
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(self.seed)
            with threads_for(trainer.net):
                return trainer.fit(train, held, epochs)

    # Restoring -------------------------------------------------------------------------------

    def restore(self, state: Mapping[str, NDArray[Any]]) -> Self:
        """See `Head.restore`; a head that was saved before there were captions has none."""
        return super().restore({"vocabulary": Vocabulary().pack(), **state})

    def restore_net(self, tensors: Mapping[str, Tensor]) -> nn.Module:
        """See `NetworkHead.restore_net`."""
        saved = tensors.get("captions.embedding.weight")
        expected = (len(self.vocabulary), self.caption_hidden) if self.writes else None
        if (None if saved is None else tuple(saved.shape)) != expected:
            raise HeadError("its vocabulary does not fit its network")
        return super().restore_net(tensors)
