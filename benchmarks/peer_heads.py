"""The authors' own heads, as `peers.py` runs them: their modules, with their training settings.

Nothing of theirs lies here. Each adapter says which files of a repository it imports, how these are
put to stored features, and by which loss, optimizer and labels their training script trains them;
only the first layer is made for the store's width. Their scripts keep the epoch that is best on the
test videos; here the last epoch counts.
"""

from __future__ import annotations

import sys
import types
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar
from unittest import mock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, kl_div, l1_loss, mse_loss

from aqa.annotations.columns import ATTRIBUTES
from aqa.errors import AqaError
from aqa.models.examples import Examples

FARABI = "Improving-Action-Quality-Assessment-using-ResNets-and-Weighted-Aggregation"


class Peer(ABC):
    """A head of other authors.

    ours: the head that it is compared with, and its `-p` texts. repository: its folder, owner/name,
    below the folder that the user names. root: the folder in it that its imports start from. files:
    what is imported, from there. batch_size, lr, weight_decay: of their training script.
    """

    ours: ClassVar[tuple[str, ...]]
    repository: ClassVar[str]
    root: ClassVar[str] = "."
    files: ClassVar[tuple[str, ...]]
    columns: ClassVar[tuple[str, ...]] = ()
    batch_size: ClassVar[int]
    lr: ClassVar[float] = 1e-4
    weight_decay: ClassVar[float] = 0.0

    def __init__(self, folder: Path):
        self.folder = folder / self.repository / self.root

    def missing(self) -> list[Path]:
        """The files that it needs and that are not there."""
        return [path for file in self.files if not (path := self.folder / file).is_file()]

    def fit_predict(
        self, train: Examples, test: Examples, epochs: int, seed: int
    ) -> NDArray[np.float64]:
        """Train on all training videos for so many epochs; scores of the test videos, (n,)."""
        rng = np.random.default_rng(seed)
        with _their_imports(self.folder, self._options(train)), _on_cpu():
            torch.manual_seed(seed)
            self.begin(train)
            torch.manual_seed(seed)  # their files set seeds as they are imported
            parameters = [p for net in self.nets for p in net.parameters()]
            steps = epochs * -(-len(train) // self.batch_size)
            optimizer, schedule = self.optimizer(parameters, steps)
            for _ in range(epochs):
                for net in self.nets:
                    net.train()
                order = rng.permutation(len(train))
                for start in range(0, len(order), self.batch_size):
                    loss = self.loss(order[start : start + self.batch_size])
                    optimizer.zero_grad()
                    loss.backward()
                    optimizer.step()
                    schedule.step()
            for net in self.nets:
                net.eval()
            with torch.no_grad():
                return self.predict(test)

    def optimizer(
        self, parameters: Sequence[nn.Parameter], steps: int
    ) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
        """Adam at a steady rate, where their script has no other."""
        adam = torch.optim.Adam(parameters, self.lr, weight_decay=self.weight_decay)
        return adam, torch.optim.lr_scheduler.LambdaLR(adam, lambda _: 1.0)

    @abstractmethod
    def begin(self, train: Examples) -> None:
        """Import their files, make `nets`, and keep features and targets as their loss has them."""

    @abstractmethod
    def loss(self, chosen: NDArray[np.intp]) -> Tensor:
        """The loss of these training videos."""

    @abstractmethod
    def predict(self, test: Examples) -> NDArray[np.float64]:
        """Scores of test videos in points, (n,)."""

    def _options(self, train: Examples) -> dict[str, Any]:
        """What their `opts.py` would say."""
        return {"randomseed": 0, "feature_dim": train.features[0].shape[1]}

    nets: Sequence[nn.Module]


class _USDL(Peer):
    """The evaluator of USDL and MUSDL, on the mean of a video's clips."""

    repository = "nzl-thu/MUSDL"
    files = ("models/evaluator.py",)
    batch_size = 4
    weight_decay = 1e-5
    std: ClassVar[float] = 5.0

    def labels(self, bins: NDArray[np.float64], count: int) -> Tensor:
        """Soft labels of values in bins, (..., count)."""
        distance = (np.arange(count) - bins[..., None]) / self.std
        density = np.exp(-(distance**2) / 2)
        return _tensor(density / density.sum(axis=-1, keepdims=True))

    def divergence(self, said: Tensor, true: Tensor) -> Tensor:
        """Their `KLDivLoss()`, a mean over bins too."""
        return kl_div(said.log(), true, reduction="none").mean()


class USDLPeer(_USDL):
    ours = ("usdl",)
    top: ClassVar[float] = 104.5

    def begin(self, train: Examples) -> None:
        kind = import_module("models.evaluator").Evaluator
        self.nets = [kind(101, "USDL")]
        self.x = _means(train)
        self.y = self.labels(train.scores * 100 / self.top, 101)

    def loss(self, chosen: NDArray[np.intp]) -> Tensor:
        return self.divergence(self.nets[0](self.x[chosen]), self.y[chosen])

    def predict(self, test: Examples) -> NDArray[np.float64]:
        return self.nets[0](_means(test)).argmax(dim=1).double().numpy() * self.top / 100


class MUSDLPeer(_USDL):
    ours = ("musdl", "difficulty=multiply")
    columns = ("judges", "difficulty")

    def begin(self, train: Examples) -> None:
        kind = import_module("models.evaluator").Evaluator
        marks = np.asarray(train.columns["judges"], float)
        self.nets = [kind(21, "MUSDL", marks.shape[1])]
        self.x, self.y = _means(train), self.labels(marks * 2, 21)

    def loss(self, chosen: NDArray[np.intp]) -> Tensor:
        said = self.nets[0](self.x[chosen])
        each = [self.divergence(p, self.y[chosen, i]) for i, p in enumerate(said)]
        return torch.stack(each).sum()

    def predict(self, test: Examples) -> NDArray[np.float64]:
        marks = [p.argmax(dim=1).double().numpy() / 2 for p in self.nets[0](_means(test))]
        aside = (len(marks) - 3) // 2
        execution = np.sort(marks, axis=0)[aside : aside + 3].sum(axis=0)
        return execution * np.asarray(test.columns["difficulty"], float)


class WDPeer(Peer):
    """Weight-Decider; clips of zeros fill videos up to one length, which their samples all have."""

    ours = ("wd",)
    repository = f"Farabi-shafkat/{FARABI}"
    files = tuple(
        f"models/ig65_resnet2/{n}.py" for n in ("fc_layer", "attention_scores", "regressor")
    )
    batch_size = 2
    decide: ClassVar[bool] = True

    def begin(self, train: Examples) -> None:
        fc, attention, regressor = (import_module(f[:-3].replace("/", ".")) for f in self.files)
        first = fc.fc_layer()
        first.fc1 = nn.Linear(train.features[0].shape[1], 256)
        self.nets = [first, attention.attention_scores(), regressor.score_regressor()]
        self.length = max(map(len, train.features))
        self.x, self.std = self.filled(train), float(train.scores.std())
        self.y = _tensor(train.scores / self.std)

    def filled(self, examples: Examples) -> Tensor:
        """All videos, (n, clips, dim); of one longer than those of training, the first clips."""
        cut = [features[: self.length] for features in examples.features]
        return _tensor(np.stack([np.pad(f, ((0, self.length - len(f)), (0, 0))) for f in cut]))

    def answers(self, clips: Tensor) -> Tensor:
        """Scaled scores, (n, clips, dim) -> (n,)."""
        first, attention, regressor = self.nets
        features = first(clips)  # (n, clips, 128)
        votes = attention(features) if self.decide else torch.ones_like(features)
        said: Tensor = regressor(features.swapaxes(1, 2), votes.swapaxes(1, 2)).squeeze(1)
        return said

    def loss(self, chosen: NDArray[np.intp]) -> Tensor:
        said, true = self.answers(self.x[chosen]), self.y[chosen]
        return mse_loss(said, true) + l1_loss(said, true)

    def predict(self, test: Examples) -> NDArray[np.float64]:
        return self.answers(self.filled(test)).double().numpy() * self.std


class AveragePeer(WDPeer):
    ours = ("average",)
    decide = False


class MTLPeer(Peer):
    """C3D-AVG-MTL without captions."""

    ours = ("mtl",)
    repository, root = "ParitoshParmar/MTL-AQA", "MTL-AQA_code_release"
    files = tuple(f"models/C3DAVG/{n}.py" for n in ("my_fc6", "score_regressor", "dive_classifier"))
    columns = ("attributes",)
    batch_size = 3
    std: ClassVar[float] = 17.0

    def begin(self, train: Examples) -> None:
        fc6, regressor, classifier = (import_module(f[:-3].replace("/", ".")) for f in self.files)
        first = fc6.my_fc6()
        first.fc = nn.Linear(train.features[0].shape[1], 4096)
        self.nets = [first, regressor.score_regressor(), classifier.dive_classifier()]
        self.x, self.y = _means(train), _tensor(train.scores / self.std)
        # Their outputs: position, armstand, rotation, somersaults, twists.
        self.labels: list[Tensor] = []
        outputs = {
            place: layer
            for place, layer in self.nets[2].named_children()
            if isinstance(layer, nn.Linear)
        }
        for (place, layer), name in zip(outputs.items(), ATTRIBUTES, strict=True):
            given = [labels.get(name) for labels in train.columns["attributes"]]
            known = sorted({label for label in given if label})
            if len(known) > layer.out_features:  # MTL-AQA has three positions
                setattr(self.nets[2], place, nn.Linear(layer.in_features, len(known)))
            self.labels.append(torch.tensor([known.index(x) if x else -100 for x in given]))

    def loss(self, chosen: NDArray[np.intp]) -> Tensor:
        shared = self.nets[0](self.x[chosen])
        said, true = self.nets[1](shared).squeeze(1), self.y[chosen]
        total = mse_loss(said, true) + l1_loss(said, true)
        for said_classes, labels in zip(self.nets[2](shared), self.labels, strict=True):
            if (labels[chosen] >= 0).any():
                total = total + cross_entropy(said_classes, labels[chosen])
        return total

    def predict(self, test: Examples) -> NDArray[np.float64]:
        said: Tensor = self.nets[1](self.nets[0](_means(test))).squeeze(1)
        return said.double().numpy() * self.std


class GDLTPeer(Peer):
    """GDLT with the README's settings; short videos get clips of zeros behind, as in training."""

    ours = ("gdlt",)
    repository = "xuangch/CVPR22_GDLT"
    files = tuple(f"models/{n}.py" for n in ("model", "transformer", "loss", "triplet_loss"))
    batch_size, lr, weight_decay = 32, 0.01, 1e-4

    def optimizer(
        self, parameters: Sequence[nn.Parameter], steps: int
    ) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
        sgd = torch.optim.SGD(parameters, self.lr, momentum=0.9, weight_decay=self.weight_decay)
        return sgd, torch.optim.lr_scheduler.CosineAnnealingLR(sgd, steps, eta_min=self.lr * 0.01)

    def begin(self, train: Examples) -> None:
        model, losses = import_module("models.model"), import_module("models.loss")
        self.nets = [model.GDLT(train.features[0].shape[1], 256, 1, 1, 2, 4, 0.3)]
        self.criterion = losses.LossFun(1.0, 1.0)
        longest = max(map(len, train.features))
        padded = [np.pad(f, ((0, longest - len(f)), (0, 0))) for f in train.features]
        # Their scores are divided by the most that can be had, 25 points.
        self.x, self.top = _tensor(np.stack(padded)), float(train.scores.max())
        self.y = _tensor(train.scores / self.top)

    def loss(self, chosen: NDArray[np.intp]) -> Tensor:
        said = self.nets[0](self.x[chosen])
        loss: Tensor = self.criterion(said["output"], self.y[chosen], said["embed"])[0]
        return loss

    def predict(self, test: Examples) -> NDArray[np.float64]:
        said = [self.nets[0](_tensor(f)[None])["output"] for f in test.features]
        return torch.cat(said).double().numpy() * self.top


class CoRePeer(Peer):
    """CoRe, of all videos: an exemplar for each video and epoch; ten when it answers."""

    ours = ("core", "group=none")
    repository = "yuxumin/CoRe"
    files = ("models/RegressTree.py", "utils/Group_helper.py")
    batch_size, lr = 2, 1e-3  # one pair a batch, a step every two
    depth: ClassVar[int] = 5
    voters: ClassVar[int] = 10

    def begin(self, train: Examples) -> None:
        tree, group = (import_module(f[:-3].replace("/", ".")) for f in self.files)
        self.x, self.y = _means(train), _tensor(train.scores)
        self.range = float(np.ptp(train.scores))
        self.nets = [tree.RegressTree(2 * self.x.shape[1] + 1, 256, self.depth)]
        i, j = np.triu_indices(len(train), 1)
        deltas = np.abs(train.scores[i] - train.scores[j]).tolist()
        self.group = group.Group_helper(deltas, self.depth, Max=self.range, Min=0)
        self.draws = np.random.default_rng(0)

    def compared(self, exemplar: Tensor, score: Tensor, video: Tensor) -> tuple[Tensor, Tensor]:
        """The leaves' log-probabilities and places, (n, leaves) each."""
        joined = torch.cat([exemplar, video, score[:, None] / self.range], dim=1)
        chances, delta = self.nets[0](joined)
        return chances[-1].reshape(len(joined), -1), delta

    def loss(self, chosen: NDArray[np.intp]) -> Tensor:
        n = len(self.y)
        others = (chosen + 1 + self.draws.integers(n - 1, size=len(chosen))) % n  # never itself
        total = torch.zeros(())
        for one, other in ((chosen, others), (others, chosen)):
            chances, delta = self.compared(self.x[other], self.y[other], self.x[one])
            leaf, place = self.group.produce_label(self.y[one] - self.y[other])
            total = total + nn.functional.nll_loss(chances, leaf.argmax(0))
            for k in range(self.group.number_leaf()):
                inside = place[k] >= 0
                if inside.any():
                    total = total + mse_loss(delta[inside, k], place[k][inside].float())
        return total

    def predict(self, test: Examples) -> NDArray[np.float64]:
        x, scores = _means(test), []
        for i in range(len(x)):
            voters = self.draws.permutation(len(self.y))[: self.voters]
            video = x[i].expand(len(voters), -1)
            chances, delta = self.compared(self.x[voters], self.y[voters], video)
            said = self.group.inference(chances.numpy(), delta.numpy()).squeeze(1)
            scores.append(float((said + self.y[voters]).mean()))
        return np.array(scores)


class LSTMPeer(Peer):
    """C3D+LSTM; the rate is halved halfway, as theirs is after 5 of 10 epochs."""

    ours = ("lstm",)
    repository = "ParitoshParmar/C3D-LSTM--PyTorch"
    files = ("models/LSTM_anno.py",)
    batch_size = 6

    def optimizer(
        self, parameters: Sequence[nn.Parameter], steps: int
    ) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
        adam = torch.optim.Adam(parameters, self.lr)
        return adam, torch.optim.lr_scheduler.StepLR(adam, max(steps // 2, 1), 0.5)

    def begin(self, train: Examples) -> None:
        net = import_module("models.LSTM_anno").LSTM_anno()
        net.rnn = nn.LSTM(train.features[0].shape[1], 256, 1, batch_first=True)
        self.nets, self.std = [net], float(train.scores.std())
        self.x, self.y = [_tensor(f) for f in train.features], _tensor(train.scores / self.std)

    def answers(self, videos: Sequence[Tensor]) -> Tensor:
        """Scaled scores, (n,); videos of one length at once, since theirs all have one."""
        lengths = np.array([len(video) for video in videos])
        groups = [np.flatnonzero(lengths == length) for length in np.unique(lengths)]
        said = [self.nets[0](torch.stack([videos[i] for i in group.tolist()])) for group in groups]
        return torch.cat(said).squeeze(1)[np.argsort(np.concatenate(groups))]

    def loss(self, chosen: NDArray[np.intp]) -> Tensor:
        return mse_loss(self.answers([self.x[i] for i in chosen]), self.y[chosen])

    def predict(self, test: Examples) -> NDArray[np.float64]:
        said = self.answers([_tensor(features) for features in test.features])
        return said.double().numpy() * self.std


PEERS: dict[str, Callable[[Path], Peer]] = {
    kind.ours[0]: kind
    for kind in (
        *(AveragePeer, WDPeer, USDLPeer, MUSDLPeer),
        *(MTLPeer, CoRePeer, GDLTPeer, LSTMPeer),
    )
}


def _tensor(values: Any) -> Tensor:
    return torch.as_tensor(np.asarray(values), dtype=torch.float32)


def _means(examples: Examples) -> Tensor:
    """The mean of each video's clips, (n, dim)."""
    return _tensor(np.stack([features.mean(axis=0) for features in examples.features]))


@contextmanager
def _their_imports(folder: Path, options: dict[str, Any]) -> Iterator[None]:
    """Their packages `models`, `utils` and `opts` are theirs in here, and forgotten after."""
    names = ("models", "utils", "opts")

    def theirs(name: str) -> bool:
        return name.partition(".")[0] in names

    before = {name: module for name, module in sys.modules.items() if theirs(name)}
    for name in before:
        del sys.modules[name]
    stand_in = types.ModuleType("opts")
    stand_in.__dict__.update(options)
    sys.modules["opts"] = stand_in
    for name in ("models", "utils", "models.C3DAVG", "models.ig65_resnet2"):
        package = types.ModuleType(name)  # their __init__ files import backbones
        package.__path__ = [str(folder.joinpath(*name.split(".")))]
        sys.modules[name] = package
    try:
        yield
    except ImportError as error:
        raise AqaError(f"{folder}: cannot be imported ({error})") from None
    finally:
        for name in [name for name in sys.modules if theirs(name)]:
            del sys.modules[name]
        sys.modules.update(before)


@contextmanager
def _on_cpu() -> Iterator[None]:
    """Their `.cuda()` leaves a tensor where it is."""
    with (
        mock.patch.object(Tensor, "cuda", lambda self, *_: self),
        mock.patch("builtins.print"),  # their modules print as they are made
        mock.patch.object(torch.cuda, "is_available", return_value=False),
    ):
        yield
