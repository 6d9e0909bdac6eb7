"""What heads that train a network share: scaling, the training settings, the loop, saving."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from aqa.device import pick_device
from aqa.models.heads.base import (
    BaseHead,
    HeadError,
    Sequences,
    State,
    check_fit,
    check_params,
    check_sequences,
    check_views,
    param,
    part_of,
    under,
)
from aqa.models.heads.joint import History, Inputs, JointHead, JointLoss
from aqa.models.scaling import column_scaling, spread
from aqa.models.training.loop import (
    AugmentedVideos,
    BatchSource,
    ScoreTrainer,
    Trainer,
    TrainingSettings,
    VideoBatch,
    VideoTensors,
    threads_for,
)
from aqa.models.training.losses import Balanced, Loss, LossName, make_loss


@dataclass(repr=False, eq=False)
class TrainedHead(BaseHead):
    """A head, of any kind, whose `fit` trains a network.

    Features are standardised as the training videos have them. Fitted: `net_`, `history_` (a row
    an epoch), `best_epoch_`.
    """

    epochs: int = param(
        200, "at most, over the training videos; ours (parmar2019action: 20,000 steps)"
    )
    batch_size: int = param(15, "videos a step (parmar2019action §5)")
    lr: float = param(1e-3, "of Adam (parmar2019action §5)", above=0)
    lr_halve_every: int | None = param(
        3000, "steps after which the rate is halved (parmar2019action §5)"
    )
    weight_decay: float = param(0.0, "L2 penalty; no paper states one for 004")
    clip_gradient: float | None = param(None, "largest gradient norm of a step; none: unlimited")
    validation: float = param(
        0.15,
        "share of the training videos held out to stop by, where the split has none; ours",
        below=1,
    )
    patience: int = param(30, "epochs without a better validation loss before stopping; ours")
    standardise: bool = param(True, "features to zero mean, unit variance; no paper states it")
    device: str = param("auto", "cpu, cuda, or auto: the GPU where there is one")

    fitted: ClassVar[tuple[str, ...]] = ("centre_", "scale_")

    @abstractmethod
    def restore_net(self, tensors: Mapping[str, torch.Tensor]) -> nn.Module:
        """The network that these tensors were saved from, with them in it."""

    def train_net(
        self,
        make: Callable[[], nn.Module],
        train: BatchSource,
        held: BatchSource | None,
        trainer: Callable[[nn.Module], Trainer],
    ) -> None:
        """Make a network by the seed and train it; leaves `net_`, `history_`, `best_epoch_`."""
        device = pick_device(self.device)
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(self.seed)
            self.net_ = make().to(device)
            running = trainer(self.net_)
            try:
                with threads_for(self.net_):
                    self.history_: list[dict[str, Any]] = running.fit(train, held)
            except FloatingPointError as error:
                raise HeadError(f"{error}; lower the learning rate, -p lr=...") from None
        best = self.history_[-1]
        if held is not None:
            best = min(self.history_, key=lambda row: row[running.criterion])
        self.best_epoch_ = int(best["epoch"])

    def state(self) -> State:
        """See `BaseHead.state`; the network's tensors are under `net.`."""
        tensors = {k: v.cpu().numpy() for k, v in self.net_.state_dict().items()}
        return super().state() | under("net", tensors)

    def restore(self, state: Mapping[str, NDArray[Any]]) -> TrainedHead:
        """See `BaseHead.restore`."""
        super().restore(state)
        arrays = part_of("net", state)
        tensors = {key: torch.from_numpy(np.array(value)) for key, value in arrays.items()}
        self.net_ = self.restore_net(tensors).eval()
        return self

    def _check_params(self) -> None:
        """Raise `HeadError` for values that cannot be."""
        check_params(self)

    def _training_settings(self) -> TrainingSettings:
        return TrainingSettings(
            epochs=self.epochs,
            batch_size=self.batch_size,
            lr=self.lr,
            lr_halve_every=self.lr_halve_every,
            weight_decay=self.weight_decay,
            patience=self.patience,
            clip_gradient=self.clip_gradient,
        )

    def _hold_out(self, n: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Numbers of the videos to learn from, and of those to stop by, parted by the seed.

        Too few to part, or a share of 0, holds out none.
        """
        size = min(round(self.validation * n), n - 1)
        order = np.random.default_rng(self.seed).permutation(n)
        return (np.sort(order[size:]), np.sort(order[:size]))

    def _fit_scaling(self, sequences: Sequences) -> None:
        if self.standardise:
            self.centre_, self.scale_ = column_scaling(sequences)
        else:
            dim = sequences[0].shape[1]
            self.centre_, self.scale_ = np.zeros(dim), np.ones(dim)

    def _scaled(self, sequence: NDArray[np.floating]) -> NDArray[np.float64]:
        """A video's features as the network takes them, (n_clips, dim)."""
        scaled: NDArray[np.float64] = (sequence - self.centre_) / self.scale_
        return scaled

    def _tensors(self, sequences: Sequences, targets: NDArray[np.floating]) -> VideoTensors:
        """Scaled features and targets of videos on the head's device."""
        return VideoTensors.of(sequences, targets, pick_device(self.device), self._scaled)


@dataclass(repr=False, eq=False)
class TargetHead(TrainedHead, JointHead):
    """A scoring head whose network `build` makes, trained to `targets` by `trainer`.

    A column that it learns from, `learn_scores` and `targets` take as a keyword.
    """

    takes_views: ClassVar[bool] = True

    def fit(
        self,
        x: Sequences,
        y: ArrayLike,
        validation: tuple[Any, ...] | None = None,
        *,
        views: Sequence[Sequences] = (),
    ) -> TargetHead:
        """See `BaseHead.fit` and `fit_targets`."""
        self.fit_targets(x, y, validation, views)
        return self

    @abstractmethod
    def build(self, dim: int) -> nn.Module:
        """A fresh network: (n, clips, dim) padded, lengths (n,) -> (n, ...).

        dim: of a clip's vector; of a map, its channels.
        """

    def start_at(self, net: nn.Module, mean: float) -> None:
        """Let the untrained network predict the mean target; by default it does not."""

    @abstractmethod
    def trainer(self, net: nn.Module) -> Trainer:
        """What trains the network, by which loss."""

    def fit_targets(
        self,
        x: Sequences,
        y: ArrayLike,
        validation: tuple[Any, ...] | None,
        views: Sequence[Sequences],
        **columns: Any,
    ) -> None:
        """Learn how scores and features scale, and train a network to the videos' `targets`.

        views: the training videos again, as augmented views show them. Each epoch shows a video
        by one of them or as it is; held-out videos, and what is scored, as they are.
        """
        sequences, scores = check_fit(x, y, maps=self.takes == "maps")
        self._check_params()
        self.learn_scores(scores, **columns)
        copies = check_views(views, sequences)
        self._fit_scaling(sequences)
        targets = self.targets(scores, **columns)
        kept, out = np.arange(len(scores)), np.arange(0)
        if validation is not None and len(validation[0]):
            maps = self.takes == "maps"
            held_x, held_y = check_fit(validation[0], validation[1], least=1, maps=maps)
            more = validation[2] if len(validation) > 2 else {}
            held: BatchSource | None = self._videos(held_x, self.targets(held_y, **more))
        else:
            kept, out = self._hold_out(len(scores))
            held = self._videos(pick(sequences, out), targets[out]) if len(out) else None
        shown = [pick(view, kept) for view in (sequences, *copies)]
        every = list(itertools.chain.from_iterable(shown))
        train = self._videos(every, np.concatenate([targets[kept]] * len(shown)))
        mean = mean_target(targets[kept])

        def make() -> nn.Module:
            net = self.build(sequences[0].shape[1])
            self.start_at(net, mean)
            return net

        examples = AugmentedVideos(train, len(shown), self.seed) if copies else train
        self.train_net(make, examples, held, self.trainer)

    @property
    def clip_shape(self) -> tuple[int, ...]:
        """The shape of a clip's feature, as it was fitted on."""
        return (len(self.centre_),)

    @torch.no_grad()
    def outputs(self, x: Sequences) -> NDArray[np.float64]:
        """What the network says of each video, (n, ...)."""
        sequences = check_sequences(x, self.clip_shape, maps=self.takes == "maps")
        videos = self._videos(sequences, np.zeros(len(sequences)))
        net = self.net_.to(pick_device(self.device)).eval()
        # One size for all: padding must not move a prediction.
        said = [net(batch.x, batch.lengths) for batch in videos.batches(self.batch_size)]
        found: NDArray[np.float64] = torch.cat(said).double().cpu().numpy()
        return found

    def restore_net(self, tensors: Mapping[str, torch.Tensor]) -> nn.Module:
        """See `TrainedHead.restore_net`."""
        net = self.build(len(self.centre_))
        net.load_state_dict(tensors)
        return net

    def _videos(self, sequences: Sequences, targets: NDArray[np.float64]) -> BatchSource:
        """Features and targets as the network takes them, on its device."""
        return self._tensors(sequences, targets)

    # Together with a backbone, see `JointHead` -----------------------------------------------

    def begin(self, x: Sequences, y: ArrayLike, **columns: Any) -> TargetHead:
        """See `JointHead.begin`."""
        sequences, scores = check_fit(x, y, maps=self.takes == "maps")
        self._check_params()
        self.learn_scores(scores, **columns)
        self._fit_scaling(sequences)
        mean = mean_target(self.targets(scores, **columns))
        self.net_ = self.untrained(sequences[0].shape[1], mean)
        return self

    def untrained(self, dim: int, mean: float) -> nn.Module:
        """A network by the seed; mean: of the targets that it is to be trained to."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            net = self.build(dim)
        self.start_at(net, mean)
        return net

    @property
    def module(self) -> nn.Module:
        """See `JointHead.module`."""
        return self.net_

    def joint_loss(self) -> JointLoss:
        """See `JointHead.joint_loss`: as the trainer has it."""
        objective = self.trainer(self.net_).objective

        def loss(features: Sequence[Tensor], targets: Tensor, **columns: Any) -> Tensor:
            videos = self.prepared(features)
            lengths = torch.tensor([len(own) for own in videos], device=targets.device)
            return objective(VideoBatch(pad_sequence(videos, batch_first=True), lengths, targets))

        return loss

    def prepared(self, videos: Sequence[Tensor]) -> list[Tensor]:
        """Features of videos as the network takes them, to go back through: (clips, dim) each."""
        device = videos[0].device
        centre = torch.as_tensor(self.centre_, dtype=torch.float32, device=device)
        scale = torch.as_tensor(self.scale_, dtype=torch.float32, device=device)
        return [(features - centre) / scale for features in videos]

    def loss_on(self, x: Sequences, y: NDArray[np.float64], **columns: Any) -> float:
        """See `JointHead.loss_on`: what the trainer stops by."""
        videos = self._videos(x, self.targets(y, **columns))
        return self.trainer(self.net_).evaluate(videos)

    def finish(
        self,
        history: History,
        epoch: int,
        train: Inputs,
        validation: Inputs,
    ) -> None:
        """See `JointHead.finish`."""
        self.history_, self.best_epoch_ = history, epoch

    def held_out(self, n: int) -> NDArray[np.intp]:
        """See `JointHead.held_out`."""
        return self._hold_out(n)[1] if n else np.arange(0)


@dataclass(repr=False, eq=False)
class NetworkHead(TargetHead):
    """A scoring head whose network answers with scores, trained on the loss of `objective`.

    Scores are divided by the standard deviation of the training videos' (parmar2019action §4).
    """

    loss: LossName = param(
        "mse", "mse, l1+l2 (farabi2021 §4.3), ranking, or mse+ranking (li2018end §4)"
    )
    margin: float = param(
        2.0, "of ranking: points that a better video should be ahead by (li2018end §4)"
    )
    alpha: float | Balanced = param(
        "balanced",
        "of ranking in mse+ranking: a number, or balanced by gradients (li2018end Eq. 7)",
    )
    centre_scores: bool = param(False, "subtract the training videos' mean score; ours")

    fitted: ClassVar[tuple[str, ...]] = (*TrainedHead.fitted, "y_mean_", "y_std_")

    def objective(self, y_std: float) -> Loss:
        """The loss, of scores in points divided by `y_std`."""
        return make_loss(self.loss, self.margin / y_std, self.alpha)

    def trainer(self, net: nn.Module) -> Trainer:
        """See `TargetHead.trainer`."""
        return ScoreTrainer(net, self.objective(self.y_std_), self._training_settings(), self.seed)

    def targets(self, scores: NDArray[np.float64], **columns: Any) -> NDArray[np.float64]:
        """See `TargetHead.targets`: scaled scores."""
        scaled: NDArray[np.float64] = (scores - self.y_mean_) / self.y_std_
        return scaled

    def learn_scores(self, scores: NDArray[np.float64]) -> None:
        """See `JointHead.learn_scores`: the scores' mean and standard deviation."""
        self.y_mean_ = float(scores.mean()) if self.centre_scores else 0.0
        self.y_std_ = spread(scores)

    def predict(self, x: Sequences) -> NDArray[np.float64]:
        """See `Head.predict`."""
        return self.outputs(x) * float(self.y_std_) + float(self.y_mean_)


def pick(sequences: Sequences, numbers: NDArray[np.intp]) -> list[NDArray[np.floating]]:
    """The sequences of these numbers."""
    return [sequences[i] for i in numbers]


def mean_target(targets: NDArray[np.float64]) -> float:
    """Of the first of a video's targets, which is the score where they are several."""
    return float(targets.reshape(len(targets), -1)[:, 0].mean())
