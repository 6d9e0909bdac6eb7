"""Fragments, stages and parts of scores, as typed."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from aqa.annotations.manifest import Manifest, write_manifest
from aqa.cli import main
from aqa.features.clips import ClipRule
from aqa.features.store import FeatureStoreWriter

N, FRAMES = 24, 48
MAPS = (2, 1, 2, 2)
QUICK = ["-p", "epochs=2", "-p", "hidden=4", "-p", "device=cpu"]
SWEPT = ["-p", "epochs=20", "-p", "lr=0.01", "-p", "validation=0", "-p", "channels=4"]
STAGES = ["-p", "difficulty_stages=flight", "-p", "execution_stages=flight,entry"]


def spec(shape: tuple[int, ...], stride: int) -> dict[str, object]:
    return {
        "backbone": "none",
        "weights": {"name": None, "sha256": None, "fitted_on": None},
        **{"layer": "last", "shape": list(shape), "dtype": "float32", "clip_length": 16},
        **{"stride": stride, "frames": None, "padding": "front", "tail": "shift"},
        "preprocess": None,
    }


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 dives of 48 frames; vectors every 4 frames tell the stage, the third map the score."""
    root = tmp_path_factory.mktemp("fragments")
    rng = np.random.default_rng(0)
    rows = []
    dense, whole = ClipRule(stride=4).clips(FRAMES), ClipRule().clips(FRAMES)
    with (
        FeatureStoreWriter(root / "stores" / "dense.h5", spec((3,), 4)) as vectors,
        FeatureStoreWriter(root / "stores" / "maps.h5", spec(MAPS, 16)) as maps,
    ):
        for i in range(N):
            hard, done = rng.choice([2.0, 3.0]), rng.uniform(10, 30)
            flight, entry = int(rng.integers(10, 18)), int(rng.integers(26, 34))
            middle = np.array([(clip.start + clip.stop) // 2 for clip in dense])
            x = np.stack([middle >= flight, middle >= entry, np.full(len(middle), hard)], axis=1)
            vectors.append(f"v{i:02d}", [(x.astype(float), dense)], n_frames=FRAMES)
            y = rng.normal(scale=0.1, size=(len(whole), *MAPS))
            y[2] += hard * done / 20
            maps.append(f"v{i:02d}", [(y, whole)], n_frames=FRAMES)
            rows.append(
                {
                    "video_id": f"v{i:02d}",
                    "path": "",
                    "score": round(hard * done, 2),
                    "difficulty": hard,
                    "action": "diving",
                    "stage_flight": flight,
                    "stage_entry": entry,
                    "split_1": "test" if i % 3 == 0 else "train",
                    "split_2": "test" if i % 3 == 1 else "train",
                }
            )
    write_manifest(root / "manifest.csv", rows)
    return root


@pytest.fixture
def aqa(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_aqa: Callable[..., Result]
) -> Callable[..., Result]:
    monkeypatch.chdir(tmp_path)
    for name in ("manifest.csv", "stores"):
        (tmp_path / name).symlink_to(dataset / name)
    return run_aqa


def read(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_stages_are_evaluated_by_hand_labels(aqa: Callable[..., Result]) -> None:
    aqa("fit", "--head", "kfs", "--store", "stores/dense.h5", "-p", "epochs=6", "-p", "hidden=8")
    result = aqa("eval")
    assert "frames off" in result.stdout
    assert "mean of 2" in result.stdout
    found = {(row["split"], row["part"]): row for row in read(Path("runs/eval-stages.csv"))}
    assert set(found) == {
        (split, part) for split in "12" for part in ("all", "before", "flight", "entry")
    }
    rows = [r for r in read(Path("runs/kfs/split-1/predictions.csv")) if r["part"] == "test"]
    videos = Manifest.read("manifest.csv").by_id
    right = total = 0
    for video_id in {row["video_id"] for row in rows}:
        own = [row for row in rows if row["video_id"] == video_id]
        assert [int(row["start"]) for row in own] == [0, *videos[video_id].stages.values()]
        for frame in range(FRAMES):
            true, said = (
                sum(frame >= int(row[column]) for row in own) for column in ("start", "predicted")
            )
            right, total = right + (true == said), total + 1
    assert float(found["1", "all"]["accuracy"]) == pytest.approx(right / total)
    assert int(found["1", "all"]["frames"]) == total


def test_parts_of_scores_have_a_table(aqa: Callable[..., Result]) -> None:
    aqa("fit", "--head", "kfs", "--store", "stores/dense.h5", *QUICK)
    fit = ["fit", "--head", "scoringnet", "--store", "stores/dense.h5", *QUICK, *STAGES]
    aqa(*fit, "--from", "runs/kfs")
    record = json.loads(Path("runs/scoringnet/split-1/run.json").read_text())
    assert record["from"]["head"] == "kfs"
    results = json.loads(aqa("eval", "--head", "scoringnet", "--json").stdout)["results"]
    results = [r for r in results if r["head"] == "scoringnet"]
    kinds = [(r["kind"], r.get("part")) for r in results if r["split"] == "1"]
    assert kinds == [("scores", None), ("parts", "difficulty"), ("parts", "execution")]
    rows = read(Path("runs/scoringnet/split-1/predictions.csv"))
    for row in rows:
        product = float(row["predicted_difficulty"]) * float(row["predicted_execution"])
        assert float(row["predicted"]) == pytest.approx(product)
        assert float(row["execution"]) == pytest.approx(
            float(row["score"]) / float(row["difficulty"])
        )
    tested = [row for row in rows if row["part"] == "test"]
    errors = [abs(float(r["difficulty"]) - float(r["predicted_difficulty"])) for r in tested]
    assert results[1]["med"] == pytest.approx(np.mean(errors))
    assert "difficulty" in aqa("eval", "--head", "scoringnet").stdout
    assert len(read(Path("runs/eval-parts-scoringnet.csv"))) == 4


def test_the_curve_over_fragments(aqa: Callable[..., Result]) -> None:
    sweep = ["fragments", "--store", "stores/maps.h5", "--picture", "curve.png"]
    told = aqa(*sweep, *SWEPT).stdout
    assert "fragment 2 (entry): Spearman" in told
    rows = read(Path("runs/by-fragment.csv"))
    assert [row["fragment"] for row in rows] == ["0", "1", "2", "all"]
    assert [row["stage"] for row in rows] == ["before", "flight", "entry", ""]
    best = max(rows[:3], key=lambda row: float(row["spearman"]))
    assert best["fragment"] == "2"
    record = json.loads(Path("runs/by-fragment/2/fragments/split-1/run.json").read_text())
    assert record["params"]["fragment"] == "2"
    image = cv2.imread("curve.png")
    assert image is not None
    assert (image != 255).any()
    # The sweep's runs are none of the workspace's fitted heads.
    assert "no fitted heads" in aqa("eval", code=1).output


@pytest.mark.parametrize("joint", [True, False])
def test_stages_from_posteriors(aqa: Callable[..., Result], joint: bool) -> None:
    videos = Manifest.read("manifest.csv")
    labels = np.stack(
        [np.searchsorted([*v.stages.values()], np.arange(FRAMES), side="right") for v in videos]
    )
    posteriors = np.eye(3)[labels]
    Path("ids.txt").write_text("\n".join(videos.ids))
    arrays = {"p": posteriors} if joint else dict(zip(videos.ids, posteriors, strict=True))
    np.savez("p.npz", **arrays)
    more = ["--ids", "ids.txt"] if joint else []
    result = aqa("stages", "p.npz", *more, "--manifest", "manifest.csv", "--json")
    found = json.loads(result.stdout)
    assert [r["accuracy"] for r in found["results"]] == [1, 1, 1, 1]
    for row, video in zip(read(Path("stages.csv")), videos, strict=True):
        assert row["video_id"] == video.id
        assert {k: int(row[f"stage_{k}"]) for k in video.stages} == dict(video.stages)
    table = Path("manifest.csv").read_text().splitlines()
    stages = [i for i, name in enumerate(table[0].split(",")) if name.startswith("stage_")]
    cells = table[1].split(",")
    table[1] = ",".join("" if i in stages else cell for i, cell in enumerate(cells))
    Path("partly.csv").write_text("\n".join(table))
    result = aqa("stages", "p.npz", *more, "--manifest", "partly.csv")
    assert f"1 of {len(videos)} videos have no hand labels, and are not evaluated" in result.stderr
    aqa("stages", "p.npz", *more, "--stages", "up,down", "--output", "other.csv")
    assert list(read(Path("other.csv"))[0]) == ["video_id", "stage_up", "stage_down"]


MAPS_STORE, DENSE_STORE = ["--store", "stores/maps.h5"], ["--store", "stores/dense.h5"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["fit", "--head", "svr", *MAPS_STORE], "its layer last holds maps of shape (2, 1, 2, 2),"),
        (["fit", "--head", "svr", *MAPS_STORE], "svr takes vectors: extract one that ends in vec"),
        (["fit", "--head", "fragments", *DENSE_STORE], "fragments takes maps: extract one that"),
        (["fragments", *DENSE_STORE], "with --layer, or fit another --head"),
        (
            ["fit", "--head", "fragments", *MAPS_STORE, "-p", "fragment=3"],
            "fragment=3 takes 4 or more",
        ),
        (["fit", "--head", "kfs", *DENSE_STORE, "--from", "runs"], "kfs cannot start from a"),
        (
            ["fit", "--head", "scoringnet", *DENSE_STORE],
            "no stage takeoff; the stages are before, flight, entry",
        ),
        (["stages", "manifest.csv"], "not a .npy or .npz file of numbers: the magic string"),
        (["stages", "p.npz"], "p.npz: name its stages"),
        (
            ["stages", "p.npz", "--stages", "a"],
            "probabilities of shape (5, 3), expected finite (fram",
        ),
        (["stages", "p.npz", "--manifest", "manifest.csv"], "1 of its videos are not in manifest"),
        (["stages", "q.npz"], "q.npz: it does not name its videos; give their ids"),
    ],
)
def test_what_is_refused(
    aqa: Callable[..., Result], arguments: list[str], expected: str, tmp_path: Path
) -> None:
    Path("runs").mkdir()
    np.savez("p.npz", new=np.zeros((5, 3)))
    np.savez("q.npz", posteriors=np.zeros((2, 5, 3)))
    before = sorted(tmp_path.rglob("*"))
    usage = "cannot start" in expected
    message = aqa(*arguments, code=2 if usage else 1).output
    assert expected in message
    assert usage or message.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("head", ["kfs", "scoringnet"])
def test_what_they_do_not_do(aqa: Callable[..., Result], head: str) -> None:
    more = STAGES if head == "scoringnet" else []
    aqa("fit", "--head", head, *DENSE_STORE, *QUICK, *more, "--split", "1")
    message = aqa("feedback", "v00", "--head", head, code=1).output
    expected = "gives no feedback" if more else "kfs tells the stages of videos and scores none"
    assert expected in message


def test_help_says_so(run_aqa: Callable[..., Result]) -> None:
    assert CliRunner().invoke(main, ["stages", "--help"]).exit_code == 0
    assert "li2018end §5.3" in run_aqa("heads", "fragments").stdout
