"""What heads that train a network share: its parameters, scaling, the loop, saving."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from aqa.device import deterministic_kernels, pick_device
from aqa.errors import HeadError
from aqa.models.examples import Examples, Sequences, pick
from aqa.models.heads.base.arrays import State, part_of, under
from aqa.models.heads.base.checks import check_fit, check_sequences, check_views
from aqa.models.heads.base.head import Head
from aqa.models.heads.base.params import check_params, param
from aqa.models.scaling import column_scaling
from aqa.models.training.hold_out import held_out_groups
from aqa.models.training.loop import (
    AugmentedVideos,
    BatchSource,
    Trainer,
    TrainingSettings,
    VideoBatch,
    VideoTensors,
    threads_for,
)

if TYPE_CHECKING:
    from typing_extensions import Self

# How many batches of videos are copied for the network at a time when it answers.
_BATCHES = 100


@dataclass(repr=False, eq=False)
class NetworkHead(Head):
    """A head, of any kind, that trains a network by the shared loop.

    A head whose network answers for each video by itself writes `build` (the network),
    `learn_scores` and `targets` (what it is trained to) and `trainer` (by which loss). A head that
    learns from pairs of videos or from clips writes `fit_examples` around `train_net`, and
    `restore_net`.

    Features are standardised as the training videos have them. Fitted: `net_`, `history_` (a row
    per epoch), `best_epoch_`; until the head is saved also `held_out_`, the numbers of the training
    videos that were held out, and `net_before_`, the network that did not learn from them.
    """

    epochs: int = param(
        200,
        "passes over the training videos, at most",
        source="ours; parmar2019action §5: 20,000 steps",
    )
    batch_size: int = param(15, "videos per step", source="parmar2019action §5")
    lr: float = param(0.001, "Adam learning rate", source="parmar2019action §5", above=0)
    lr_halve_every: int | None = param(
        3000,
        "steps after which the learning rate is halved; none: never",
        source="parmar2019action §5",
    )
    lr_factor: float = param(
        0.5,
        "what the learning rate is multiplied by then",
        source="parmar2019action §5; li2018end §5.2: 0.45",
        above=0,
    )
    weight_decay: float = param(0.0, "L2 penalty", source="no paper states one")
    clip_gradient: float | None = param(
        None, "largest norm of a step's gradient; none: no limit", source="ours"
    )
    validation: float = param(
        0.15,
        "share of the training videos held out for early stopping, if the split has "
        "no validation videos",
        source="ours",
        below=1,
    )
    patience: int = param(
        30, "epochs without a lower validation loss, after which training stops", source="ours"
    )
    refit: bool = param(
        True,
        "after training was stopped by held-out training videos, train anew on all of them for as "
        "many epochs as were best",
        source="ours, by held-out training dives",
    )
    standardise: bool = param(
        True, "scale each feature to mean 0 and variance 1", source="no paper states it"
    )
    device: str = param("auto", "cpu, cuda, or auto: a GPU if there is one")

    fitted: ClassVar[tuple[str, ...]] = ("centre_", "scale_")

    # What a head that learns of each video by itself writes --------------------------------------

    def build(self, dim: int) -> nn.Module:
        """A fresh network: (n, clips, dim) padded, lengths (n,) -> (n, ...).

        dim: of a clip's vector; of a map, its channels.
        """
        raise NotImplementedError(f"{type(self).__name__} builds no network for single videos")

    def start_at(self, net: nn.Module, mean: float) -> None:
        """Let the untrained network predict the mean target; by default it does not."""

    def start_target(self, targets: NDArray[np.float64]) -> float:
        """What `start_at` lets the untrained network predict."""
        return mean_target(targets)

    def learn_scores(self, scores: NDArray[np.float64], **columns: Any) -> None:
        """Learn from the training videos what `targets` are made with; columns as `columns` names.

        Raises `HeadError` for scores and columns that it cannot be fitted to.
        """
        raise NotImplementedError

    def targets(self, scores: NDArray[np.float64], **columns: Any) -> NDArray[np.float64]:
        """What the loss compares the network's outputs with, a row per video: (n,) or (n, k)."""
        raise NotImplementedError

    def trainer(self, net: nn.Module) -> Trainer:
        """What trains the network, by which loss."""
        raise NotImplementedError

    # Fitting ---------------------------------------------------------------------------------

    def fit_examples(
        self,
        train: Examples,
        validation: Examples | None = None,
        *,
        others: Examples | None = None,
        start: Head | None = None,
    ) -> Self:
        """Learn how scores and features scale, and train a network to the videos' `targets`.

        With augmentations, each epoch shows a video under one of them or as it is; videos that
        training is stopped by, and those to answer for, are shown as they are.
        """
        maps, columns = self.takes == "maps", train.only(self.columns)
        sequences, scores = check_fit(train.features, train.scores, maps=maps, ids=train.ids)
        self.check_params()
        self.learn_scores(scores, **columns)
        copies = check_views(train.views, sequences, train.ids) if self.takes_views else []
        self.fit_scaling(sequences)
        targets = self.targets(scores, **columns)
        kept, out = np.arange(len(scores)), np.arange(0)
        if validation is not None and len(validation):
            held: BatchSource | None = self._held(validation)
        else:
            kept, out = self.hold_out(len(scores), targets, train.groups)
            held = self._stopping(pick(sequences, out), targets[out]) if len(out) else None

        def shown(numbers: NDArray[np.intp]) -> BatchSource:
            views = [pick(view, numbers) for view in (sequences, *copies)]
            every = list(itertools.chain.from_iterable(views))
            videos = self.videos(every, np.concatenate([targets[numbers]] * len(views)))
            return AugmentedVideos(videos, len(views), self.seed) if copies else videos

        def maker(numbers: NDArray[np.intp]) -> Callable[[], nn.Module]:
            def make() -> nn.Module:
                net = self.build(sequences[0].shape[1])
                self.start_at(net, self.start_target(targets[numbers]))
                return net

            return make

        self.train_net(maker(kept), shown(kept), held, self.trainer)
        self.held_out_ = out
        if len(out):
            every = np.arange(len(scores))
            self.refit_net(maker(every), lambda: shown(every), self.trainer)
        return self

    def train_net(
        self,
        make: Callable[[], nn.Module],
        train: BatchSource,
        held: BatchSource | None,
        trainer: Callable[[nn.Module], Trainer],
    ) -> None:
        """Make a network by the seed and train it; leaves `net_`, `history_`, `best_epoch_`."""
        self.net_, self.history_, criterion = self._trained(make, trainer, train, held)
        self.net_before_ = self.net_
        best = self.history_[-1]
        if held is not None:
            best = min(self.history_, key=lambda row: row[criterion])
        self.best_epoch_ = int(best["epoch"])

    def refit_net(
        self,
        make: Callable[[], nn.Module],
        every: Callable[[], BatchSource],
        trainer: Callable[[nn.Module], Trainer],
    ) -> None:
        """With `refit`, train another network on all training videos, as long as was best before.

        Called after `train_net` was stopped by some of the training videos.
        """
        if not self.refit:
            return
        self.net_, again, _ = self._trained(make, trainer, every(), None, self.best_epoch_)
        phases = {"held out": self.history_, "refit": again}
        self.history_ = [{"fit": fit, **row} for fit, rows in phases.items() for row in rows]

    def _trained(
        self,
        make: Callable[[], nn.Module],
        trainer: Callable[[nn.Module], Trainer],
        train: BatchSource,
        held: BatchSource | None,
        epochs: int | None = None,
    ) -> tuple[nn.Module, list[dict[str, Any]], str]:
        """A network by the seed, its history, and the name of what it was stopped by."""
        device = pick_device(self.device)
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(self.seed)
            net = make().to(device)
            running = trainer(net)
            try:
                with threads_for(net):
                    return net, running.fit(train, held, epochs), running.criterion
            except FloatingPointError as error:
                raise HeadError(f"{error}; lower the learning rate, -p lr=...") from None

    @property
    def held_out(self) -> NDArray[np.intp]:
        """See `Head.held_out`."""
        return getattr(self, "held_out_", np.arange(0))

    @property
    def unseen(self) -> NDArray[np.intp]:
        """The held-out videos; none once a refit has learned from them too."""
        refitted = getattr(self, "net_before_", self.net_) is not self.net_
        return self.held_out[:0] if refitted else self.held_out

    def before_refit(self) -> Self:
        """See `Head.before_refit`."""
        before = copy.copy(self)
        before.net_ = getattr(self, "net_before_", self.net_)
        return before

    def check_params(self) -> None:
        """Raise `HeadError` for hyper-parameters that cannot be."""
        check_params(self)

    def _held(self, validation: Examples) -> BatchSource:
        maps = self.takes == "maps"
        x, y = check_fit(
            validation.features, validation.scores, least=1, maps=maps, ids=validation.ids
        )
        return self._stopping(x, self.targets(y, **validation.only(self.columns)))

    def _stopping(self, sequences: Sequences, targets: NDArray[np.float64]) -> BatchSource:
        """Videos that training is stopped by."""
        self.check_held_out(targets)
        return self.videos(sequences, targets)

    def training_settings(self) -> TrainingSettings:
        """What the shared loop is told."""
        return TrainingSettings(
            epochs=self.epochs,
            batch_size=self.batch_size,
            lr=self.lr,
            lr_halve_every=self.lr_halve_every,
            lr_factor=self.lr_factor,
            weight_decay=self.weight_decay,
            patience=self.patience,
            clip_gradient=self.clip_gradient,
        )

    def hold_out(
        self,
        n: int,
        targets: NDArray[np.float64] | None = None,
        groups: NDArray[np.intp] | None = None,
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Numbers of the videos to learn from, and of those to stop by, parted by the seed.

        Too few to part, or a share of 0, holds out none; else at least `least_held_out` are.
        targets: what the videos are learned as; a head may part them by these. groups: see
        `Examples.groups`; whole ones are drawn.
        """
        size = round(self.validation * n)
        size = min(max(size, self.least_held_out) if size else 0, n - 1)
        together = held_out_groups(
            groups, size, self.seed, usable=lambda out: len(out) >= self.least_held_out
        )
        if together is not None:
            return np.setdiff1d(np.arange(n), together), together
        order = np.random.default_rng(self.seed).permutation(n)
        return (np.sort(order[size:]), np.sort(order[:size]))

    @property
    def least_held_out(self) -> int:
        """The fewest videos that its loss says something of."""
        return 1

    def check_held_out(self, targets: NDArray[np.float64]) -> None:
        """Raise `HeadError` where training cannot be stopped by videos of these targets."""

    def fit_scaling(self, sequences: Sequences) -> None:
        """Learn how features are standardised from the training videos."""
        if self.standardise:
            self.centre_, self.scale_ = column_scaling(sequences)
        else:
            dim = sequences[0].shape[1]
            self.centre_, self.scale_ = np.zeros(dim), np.ones(dim)

    def scaled(self, sequence: NDArray[np.floating]) -> NDArray[np.float64]:
        """A video's features as the network takes them, (n_clips, dim)."""
        scaled: NDArray[np.float64] = (sequence - self.centre_) / self.scale_
        return scaled

    def tensors(self, sequences: Sequences, targets: NDArray[np.floating]) -> VideoTensors:
        """Scaled features, and targets, of videos on the head's device."""
        return VideoTensors.of(sequences, targets, pick_device(self.device), self.scaled)

    def videos(self, sequences: Sequences, targets: NDArray[np.float64]) -> BatchSource:
        """Features and targets as the network takes them, on its device."""
        return self.tensors(sequences, targets)

    # Answering, saving, restoring ------------------------------------------------------------

    @property
    def clip_shape(self) -> tuple[int, ...]:
        """The shape of a clip's feature, as it was fitted on."""
        return (len(self.centre_),)

    @torch.no_grad()
    @deterministic_kernels()
    def outputs(self, examples: Examples) -> NDArray[np.float64]:
        """What the network says of each video, (n, ...)."""
        self.check_fitted()
        sequences = self.answerable(examples)
        net = self.net_.to(pick_device(self.device)).eval()
        step = _BATCHES * self.batch_size
        with threads_for(net):
            said = [
                net(batch.x, batch.lengths)
                for start in range(0, len(sequences), step)  # one step's videos are copied, not all
                # One size for all: padding must not move a prediction.
                for batch in self._batches_of(sequences[start : start + step])
            ]
        answers: NDArray[np.float64] = torch.cat(said).double().cpu().numpy()
        return answers

    def _batches_of(self, sequences: Sequences) -> Iterator[VideoBatch]:
        return self.videos(sequences, np.zeros(len(sequences))).batches(self.batch_size)

    def answerable(self, examples: Examples) -> list[NDArray[np.float32]]:
        """The features of videos that it can answer for, or `HeadError` with the first other."""
        return check_sequences(
            examples.features, self.clip_shape, maps=self.takes == "maps", ids=examples.ids
        )

    def state(self) -> State:
        """See `Head.state`; the network's tensors are under `net.`."""
        state = super().state()
        tensors = {k: v.cpu().numpy() for k, v in self.net_.state_dict().items()}
        return state | under("net", tensors)

    def restore(self, state: Mapping[str, NDArray[Any]]) -> Self:
        """See `Head.restore`."""
        super().restore(state)
        arrays = part_of("net", state)
        tensors = {key: torch.from_numpy(np.array(value)) for key, value in arrays.items()}
        self.net_ = self.restore_net(tensors).eval()
        return self

    def restore_net(self, tensors: Mapping[str, Tensor]) -> nn.Module:
        """The network that these tensors were saved from, with them in it."""
        net = self.build(len(self.centre_))
        net.load_state_dict(tensors)
        return net

    def untrained(self, dim: int, mean: float) -> nn.Module:
        """A network by the seed; mean: of the targets that it is to be trained to."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            net = self.build(dim)
        self.start_at(net, mean)
        return net

    def prepared(self, videos: Sequence[Tensor]) -> list[Tensor]:
        """As `scaled`, (clips, dim) per video, with gradients to the features."""
        device = videos[0].device
        centre = torch.as_tensor(self.centre_, dtype=torch.float32, device=device)
        scale = torch.as_tensor(self.scale_, dtype=torch.float32, device=device)
        return [(features - centre) / scale for features in videos]


def mean_target(targets: NDArray[np.float64]) -> float:
    """The mean of the first of a video's targets, which is the score where they are several."""
    return float(targets.reshape(len(targets), -1)[:, 0].mean())
