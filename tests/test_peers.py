"""The comparison with other authors' code, on a made-up repository and made-up features."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from numpy.typing import NDArray

from aqa.annotations.columns import JUDGE_PREFIX
from aqa.annotations.manifest import Manifest, write_manifest
from aqa.benchmarks import peers
from aqa.benchmarks.peer_heads import PEERS, GDLTPeer, LSTMPeer
from aqa.features.store import FeatureStore, import_arrays
from aqa.models.examples import Examples

DIM = 4
# What each adapter imports, in a few lines: the same names, arguments and shapes.
MODULES = {
    "LSTM_anno": """
from opts import *
torch.manual_seed(randomseed)
class LSTM_anno(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn, self.fc_final_score = nn.LSTM(9, 256, batch_first=True), nn.Linear(256, 1)
    def forward(self, x):
        return self.fc_final_score(self.rnn(x.cuda())[0][:, -1])
""",
    "fc_layer": """
class fc_layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(9, 256), nn.Linear(256, 128)
    def forward(self, x):
        return self.fc2(self.fc1(x).relu()).relu()
""",
    "attention_scores": """
class attention_scores(nn.Linear):
    def __init__(self):
        super().__init__(128, 128)
""",
    "regressor": """
class score_regressor(nn.Linear):
    def __init__(self):
        super().__init__(128, 1)
    def forward(self, x, votes):
        return super().forward((x * votes.softmax(2)).sum(2))
""",
    "evaluator": """
from opts import *
def mlp(bins):
    return nn.Sequential(nn.Linear(feature_dim, 8), nn.ReLU(), nn.Linear(8, bins), nn.Softmax(-1))
class Evaluator(nn.Module):
    def __init__(self, bins, kind, count=None):
        super().__init__()
        self.several = kind == "MUSDL"
        self.nets = nn.ModuleList(mlp(bins) for _ in range(count or 1))
    def forward(self, x):
        said = [net(x) for net in self.nets]
        return said if self.several else said[0]
""",
    "my_fc6": """
class my_fc6(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(9, 4096)
    def forward(self, x):
        return self.fc(x).relu()
""",
    "score_regressor": """
class score_regressor(nn.Linear):
    def __init__(self):
        super().__init__(4096, 1)
""",
    "dive_classifier": """
class dive_classifier(nn.Module):
    def __init__(self):
        super().__init__()
        for name, classes in zip("abcde", (3, 2, 4, 10, 8)):
            setattr(self, name, nn.Linear(4096, classes))
    def forward(self, x):
        return tuple(layer(x) for layer in self.children())
""",
    "model": """
from models.transformer import attend
class GDLT(nn.Module):
    def __init__(self, dim, hidden, heads, encoders, decoders, grades, dropout):
        super().__init__()
        self.grades = nn.Linear(dim, grades)
    def forward(self, x):
        said = attend(self.grades(x)).sigmoid()
        return {"output": said.mean(1), "embed": said[..., None]}
""",
    "transformer": """
def attend(x):
    return x.mean(1)
""",
    "loss": """
from models.triplet_loss import spread
class LossFun:
    def __init__(self, weight, margin):
        self.weight = weight
    def __call__(self, said, true, embedded):
        error = ((said - true) ** 2).mean()
        return error + self.weight * spread(embedded), error
""",
    "triplet_loss": """
def spread(embedded):
    return 0 * embedded.mean()
""",
    "RegressTree": """
class RegressTree(nn.Module):
    def __init__(self, dim, width, depth):
        super().__init__()
        self.leaf, self.place = nn.Linear(dim, 2 ** (depth - 1)), nn.Linear(dim, 2 ** (depth - 1))
    def forward(self, x):
        return [self.leaf(x).log_softmax(1)], self.place(x)
""",
    "Group_helper": """
import numpy as np
class Group_helper:
    def __init__(self, deltas, depth, Max, Min):
        self.edges = np.linspace(-Max, Max, 2 ** (depth - 1) + 1)
    def number_leaf(self):
        return len(self.edges) - 1
    def produce_label(self, deltas):
        deltas = deltas.numpy()
        leaf = np.clip(np.searchsorted(self.edges, deltas) - 1, 0, self.number_leaf() - 1)
        inside = np.arange(self.number_leaf())[:, None] == leaf
        place = (deltas - self.edges[leaf]) / np.diff(self.edges)[leaf]
        return torch.tensor(inside).long(), torch.tensor(np.where(inside, place, -1))
    def inference(self, chances, places):
        leaf = chances.argmax(1)
        step = np.diff(self.edges)[leaf] * places[np.arange(len(leaf)), leaf]
        return torch.tensor(self.edges[leaf] + step)[:, None]
""",
}


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the user has it: owner/name of each head's authors."""
    folder = tmp_path_factory.mktemp("repositories")
    for kind in PEERS.values():
        peer = kind(folder)
        for file in peer.files:
            path = peer.folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("import torch\nfrom torch import nn\n" + MODULES[path.stem])
    return folder


@pytest.fixture(scope="module")
def dives(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A manifest of 24 made-up dives with two splits, and their features; the first tells most."""
    rng, folder = np.random.default_rng(0), tmp_path_factory.mktemp("dives")
    rows, arrays = [], {}
    for number in range(24):
        quality, difficulty = rng.uniform(4, 9), 2 + number % 3 / 2
        arrays[f"v{number:02}"] = rng.normal(size=(2 + number % 2, DIM)).astype("float32")
        arrays[f"v{number:02}"][:, :2] += quality, difficulty
        rows.append(
            {
                **{"video_id": f"v{number:02}", "path": "", "score": 3 * quality * difficulty},
                **{"difficulty": difficulty, "position": ("pike", "tuck")[number % 2]},
                **{f"{JUDGE_PREFIX}{k}": round(2 * quality) / 2 for k in range(1, 8)},
                **{f"split_{s}": "test" if number % 3 == s else "train" for s in (1, 2)},
            }
        )
    write_manifest(folder / "manifest.csv", rows)
    import_arrays(folder / "store.h5", arrays, source="made up")
    return folder / "manifest.csv", folder / "store.h5"


@pytest.fixture
def compared(dives: tuple[Path, Path]) -> Callable[..., Result]:
    """Runs the script as typed; its exit code must be `code`."""

    def run(folder: Path, *more: str, code: int = 0) -> Result:
        arguments = [*map(str, dives), str(folder), *more]
        result = CliRunner().invoke(peers.main, arguments)
        assert result.exit_code == code, (result.output, result.exception)
        return result

    return run


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def difference(row: list[str]) -> tuple[float, float, float]:
    """Ours less theirs, and the ends of its interval."""
    value, low, high = (float(part.strip("[],")) for part in row[5].split())
    return value, low, high


def unit(number: str) -> float:
    """What one is worth in a number's last digit."""
    return 10.0 ** -len(number.partition(".")[2])


@pytest.mark.parametrize("name", list(PEERS))
def test_every_head_has_a_row_per_metric(
    name: str, repositories: Path, compared: Callable[..., Result]
) -> None:
    lines = compared(repositories, "--head", name, "--epochs", "2").output.splitlines()
    head, rule, *rows = [cells(line) for line in lines if line.startswith("|")]
    assert len(head) == len(rule) == 9
    assert [row[:3] for row in rows] == [
        [" ".join(PEERS[name].ours), metric, "2"] for metric in ("spearman", "mse")
    ]
    for row in rows:
        value, low, high = difference(row)
        assert low <= value <= high
        assert value == pytest.approx(float(row[3]) - float(row[4]), abs=1.1 * unit(row[3]))
    assert not any(line.startswith("left out") for line in lines)


class MadeUp:
    """A peer of `average` that answers with the truth, times `sign`, and a constant error.

    It keeps what it was asked: ids to learn from, epochs, seed.
    """

    ours, columns = ("average",), ()

    def __init__(self, error: float = 0.0, sign: float = 1.0):
        self.error, self.sign = error, sign
        self.asked: list[tuple[tuple[str, ...], int, int]] = []

    def fit_predict(
        self, train: Examples, test: Examples, epochs: int, seed: int
    ) -> NDArray[np.float64]:
        self.asked.append((train.ids, epochs, seed))
        return self.sign * test.scores + self.error


def rows_of(dives: tuple[Path, Path], peer: MadeUp, seed: int = 0) -> list[list[str]]:
    manifest, store = dives
    with FeatureStore.open(store) as opened:
        table = peers.rows(peer, Manifest.read(manifest), opened, 3, seed)
    return [cells(line) for line in table]


def test_theirs_is_better_where_the_interval_says_so(dives: tuple[Path, Path]) -> None:
    rank, error = rows_of(dives, MadeUp())
    assert (rank[4], error[4]) == ("1.000", "0.0")
    value, low, high = difference(error)
    assert 0 < low < value < high
    assert rank[6] == error[6] == "THEIRS IS BETTER"


def test_ours_is_better_where_theirs_is_the_wrong_way_round(dives: tuple[Path, Path]) -> None:
    rank, error = rows_of(dives, MadeUp(sign=-1))
    assert rank[4] == "-1.000"
    value, low, high = difference(rank)
    assert 0 < low < value < high
    assert difference(error)[0] < 0
    assert rank[6] == error[6] == ""


def test_a_constant_error_is_the_mean_squared_error(dives: tuple[Path, Path]) -> None:
    assert rows_of(dives, MadeUp(error=5))[1][4] == "25.0"


def test_both_sides_learn_from_the_training_videos_with_one_seed(dives: tuple[Path, Path]) -> None:
    peer = MadeUp()
    first = rows_of(dives, peer, seed=7)
    splits = [Manifest.read(dives[0]).split(name) for name in ("1", "2")]
    assert peer.asked == [(split.train, 3, 7) for split in splits]
    assert first[1][3] == rows_of(dives, MadeUp(), seed=7)[1][3]
    assert first[1][3] != rows_of(dives, MadeUp(), seed=8)[1][3]


def test_a_repository_that_is_missing_is_named(
    tmp_path: Path, repositories: Path, compared: Callable[..., Result]
) -> None:
    (tmp_path / "xuangch").symlink_to(repositories / "xuangch")
    asked = ("--head", "lstm", "--head", "gdlt", "--epochs", "1")
    said = compared(tmp_path, *asked).output
    assert "| gdlt | spearman |" in said
    missing = LSTMPeer(tmp_path)
    assert (
        f"left out: lstm: {missing.folder / 'models' / 'LSTM_anno.py'} is not there; clone "
        f"https://github.com/ParitoshParmar/C3D-LSTM--PyTorch to {missing.folder}\n"
    ) in said


def test_nothing_compared_is_an_error(tmp_path: Path, compared: Callable[..., Result]) -> None:
    said = compared(tmp_path, "--head", "lstm", code=1).output
    assert "left out: lstm: " in said


def test_code_that_cannot_be_imported_is_named_and_forgotten(
    tmp_path: Path, compared: Callable[..., Result]
) -> None:
    peer = GDLTPeer(tmp_path)
    for file in peer.files:
        (peer.folder / file).parent.mkdir(parents=True, exist_ok=True)
        (peer.folder / file).write_text("import no_such_package_anywhere\n")
    said = compared(tmp_path, "--head", "gdlt", "--epochs", "1", code=1).output
    assert f"left out: gdlt: {peer.folder}: cannot be imported (No module named" in said
    assert not {"models", "utils", "opts"} & set(sys.modules)
