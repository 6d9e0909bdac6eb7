from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result

from aqa.annotations.manifest import write_manifest
from aqa.metrics import spearman
from aqa.models.heads.base import HeadError
from aqa.models.heads.kfs import KFSHead
from aqa.models.heads.s3d import S3DHead, stage_averages

SVR = {"C": 10.0, "epsilon": 0.1, "gamma": 0.1}
CLIPS = np.array([[0, 16], [16, 32], [24, 40]])


def slow_averages(x: np.ndarray, clips: np.ndarray, begins: list[float]) -> np.ndarray:
    """Frame by frame: each frame of a stage adds every clip that shows it."""
    ends = [*begins[1:], clips.max()]
    found = []
    for begin, end in zip(begins, ends, strict=True):
        total, count = np.zeros(x.shape[1]), 0
        for frame in range(int(begin), int(end)):
            for row, (first, last) in zip(x, clips, strict=True):
                if first <= frame < last:
                    total, count = total + row, count + 1
        found.append(total / count)
    return np.stack(found)


def test_clips_count_in_a_stage_by_the_frames_they_show_of_it(rng: np.random.Generator) -> None:
    for _ in range(20):
        x = rng.normal(size=(3, 4))
        begins = np.sort(rng.choice(38, size=3, replace=False)).astype(float)
        expected = slow_averages(x, CLIPS, list(begins))
        np.testing.assert_allclose(stage_averages(x, CLIPS, begins), expected)


def test_padding_and_what_precedes_the_first_stage_are_left_out() -> None:
    x, clips = (
        np.array([[100.0], [7.0], [1.0], [3.0]]),
        np.array([[-16, 0], [0, 8], [8, 16], [16, 24]]),
    )
    np.testing.assert_allclose(stage_averages(x, clips, np.array([8.0, 16.0])), [[1.0], [3.0]])


@pytest.mark.parametrize(
    ("begins", "expected"),
    [([0, 50], [2.0, 3.0]), ([18, 18], [2.0, (14 * 2 + 16 * 3) / 30]), ([-9, -4], [1.0, 2.0])],
    ids=["behind the last clip", "without a frame", "before the first clip"],
)
def test_a_stage_that_no_clip_shows_takes_the_nearest(begins: list, expected: list) -> None:
    averages = stage_averages(np.array([[1.0], [2.0], [3.0]]), CLIPS, np.array(begins, float))
    np.testing.assert_allclose(averages[:, 0], expected)


class Dives:
    """Videos whose score is the first feature while they fly, plus the second at the end."""

    def __init__(self, rng: np.random.Generator, n: int = 60):
        self.x = [rng.normal(size=(4, 2)).astype(np.float32) for _ in range(n)]
        self.clips = [np.array([[16 * k, 16 * k + 16] for k in range(4)])] * n
        late = rng.integers(0, 2, n)
        self.stages = [{"flight": 16 + 16 * int(k), "entry": 48} for k in late]
        self.y = np.array(
            [
                50 + 5 * (sequence[1 + k : 3, 0].mean() + sequence[3, 1])
                for sequence, k in zip(self.x, late, strict=True)
            ]
        )


@pytest.mark.parametrize("regressor", ["svr", "linear"])
def test_stages_tell_what_the_whole_does_not(rng: np.random.Generator, regressor: str) -> None:
    dives = Dives(rng)
    columns = {"clips": dives.clips, "stages": dives.stages}
    head = S3DHead(regressor=regressor, kernel="linear", folds=3).fit(dives.x, dives.y, **columns)
    assert np.abs(head.predict(dives.x, **columns) - dives.y).mean() < 1
    averaged = S3DHead(**SVR, join="average", kernel="linear").fit(dives.x, dives.y, **columns)
    assert np.abs(averaged.predict(dives.x, **columns) - dives.y).mean() > 2


@pytest.mark.parametrize("regressor", ["svr", "linear"])
def test_saved_it_predicts_the_same(rng: np.random.Generator, regressor: str) -> None:
    dives = Dives(rng, 20)
    params, columns = (
        {"regressor": regressor, **SVR},
        {"clips": dives.clips, "stages": dives.stages},
    )
    head = S3DHead(**params).fit(dives.x, dives.y, **columns)
    restored = S3DHead(**params).restore(head.state())
    np.testing.assert_array_equal(
        restored.predict(dives.x, **columns), head.predict(dives.x, **columns)
    )


def test_stages_that_a_fitted_kfs_tells(rng: np.random.Generator) -> None:
    dives = Dives(rng, 20)
    x, y, clips = dives.x, dives.y, dives.clips
    kfs = KFSHead(epochs=2, hidden=4, device="cpu").fit(x, y, clips=clips, stages=dives.stages)
    head = S3DHead(**SVR).fit(x, y, clips=clips, start=kfs)
    told = [
        dict(zip(kfs.stages[1:], starts[1:], strict=True))
        for starts in kfs.starts(x, clips=clips, n_frames=[64] * 20)
    ]
    by_hand = S3DHead(**SVR).fit(x, y, clips=clips, stages=told)
    expected = by_hand.predict(x, clips=clips, stages=told)
    np.testing.assert_array_equal(head.predict(x, clips=clips), expected)
    assert (head.answer_columns, by_hand.answer_columns) == (
        ("id", "clips"),
        ("id", "clips", "stages"),
    )
    restored = S3DHead(**SVR).restore(head.state())
    np.testing.assert_array_equal(restored.predict(x, clips=clips), expected)
    with pytest.raises(HeadError, match="bounds=clips needs no head to find stages"):
        S3DHead(bounds="clips").fit(x, y, clips=clips, start=kfs)
    with pytest.raises(HeadError, match="clips every 16 frames, these come every 32"):
        S3DHead().fit(x, y, clips=[own * 2 for own in clips], start=kfs)


def test_fractions_are_of_the_frames_shown(rng: np.random.Generator) -> None:
    dives = Dives(rng, 20)
    fractions = S3DHead(bounds="fractions", fractions="0,0.75", **SVR)
    stages = [{"start": 0, "end": 48}] * 20
    by_hand = S3DHead(**SVR).fit(dives.x, dives.y, clips=dives.clips, stages=stages)
    expected = by_hand.predict(dives.x, clips=dives.clips, stages=stages)
    for clips in (dives.clips, None):  # without ranges, clips are as long as each other
        found = fractions.fit(dives.x, dives.y, clips=clips).predict(dives.x, clips=clips)
        np.testing.assert_allclose(found, expected)


@pytest.mark.parametrize(
    ("change", "params", "problem"),
    [
        ({"stages": None}, {}, r"20 of 20 videos have no stages"),
        ({"stages": [{}] + [{"flight": 0}] * 19}, {}, r"1 of 20 videos have no stages \(row 0"),
        (
            {"stages": [{"flight": 0, "entry": 9}] * 19 + [{"flight": 0}]},
            {},
            "1 of 20 videos have other stages than the first training video, flight, entry: row 19",
        ),
        ({"clips": None}, {}, "20 of 20 videos have no clips"),
        ({}, {"bounds": "fractions", "fractions": "0.5,0.2"}, "fractions='0.5,0.2' is not rising"),
        ({}, {"bounds": "fractions", "fractions": "0,x"}, "fractions='0,x' is not rising"),
        ({}, {"bounds": "stage"}, "bounds=stage is not one of manifest, fractions, clips"),
    ],
)
def test_what_cannot_be_is_named(rng, change: dict, params: dict, problem: str) -> None:
    dives = Dives(rng, 20)
    columns = {"clips": dives.clips, "stages": dives.stages} | change
    with pytest.raises(HeadError, match=problem):
        S3DHead(**params).fit(dives.x, dives.y, **columns)


def test_errors_call_videos_by_their_ids(rng: np.random.Generator) -> None:
    dives = Dives(rng, 20)
    ids = [f"v{i:02d}" for i in range(20)]
    head = S3DHead(**SVR).fit(dives.x, dives.y, clips=dives.clips, stages=dives.stages)
    lacking = [{} if i in (0, 3) else own for i, own in enumerate(dives.stages)]
    with pytest.raises(HeadError, match=r"2 of 20 videos have no stages \(v00, v03\)"):
        head.predict(dives.x, id=ids, clips=dives.clips, stages=lacking)
    fewer = [*dives.stages[:19], {"flight": 0}]
    with pytest.raises(HeadError, match=r"video, flight, entry: v19 \(flight\);"):
        head.predict(dives.x, id=ids, clips=dives.clips, stages=fewer)
    head = S3DHead(bounds="clips", **SVR).fit(dives.x, dives.y)
    assert "stages" not in head.answer_columns
    with pytest.raises(HeadError, match="v00 has 3 clips"):
        head.predict([dives.x[0][:3]], id=ids[:1])


def test_clips_as_stages_must_be_as_many(rng: np.random.Generator) -> None:
    dives = Dives(rng, 20)
    head = S3DHead(bounds="clips", **SVR).fit(dives.x, dives.y)
    with pytest.raises(HeadError, match="row 0 has 3 clips, the first training video 4"):
        head.predict([dives.x[0][:3]])


def test_the_published_stage_scores_of_real_dives(
    shared: Path, tmp_path: Path, run_aqa: Callable[..., Result]
) -> None:
    """The authors' four per-stage scores, imported as clips of one number: Spearman 0.82."""
    with (shared / "data" / "unlv-dive-p3d" / "videos.csv").open() as file:
        rows = list(csv.DictReader(file))
    stages = [[[float(row[f"p3d_stage{k}_score"])] for k in (1, 2, 3, 4)] for row in rows]
    np.save(tmp_path / "stages.npy", np.array(stages, np.float32))
    (tmp_path / "ids.txt").write_text("".join(f"{row['video_id']}\n" for row in rows))
    write_manifest(
        tmp_path / "manifest.csv",
        [
            {k: row[k] for k in ("video_id", "score")} | {"path": "", "split_p": row["split"]}
            for row in rows
        ],
    )
    where = ("-C", str(tmp_path))
    run_aqa(*where, "store", "import", str(tmp_path / "stages.npy"), "--ids", f"{tmp_path}/ids.txt")
    run_aqa(*where, "fit", "--head", "s3d", "-p", "bounds=clips", "-p", "regressor=linear")
    run_aqa(*where, "eval")
    with (tmp_path / "runs/s3d/split-p/predictions.csv").open() as file:
        tested = [row for row in csv.DictReader(file) if row["part"] == "test"]
    score, predicted = (np.array([float(r[c]) for r in tested]) for c in ("score", "predicted"))
    assert spearman(score, predicted) == pytest.approx(0.818, abs=0.01)


def test_the_ridge_does_not_depend_on_the_number_of_features(rng: np.random.Generator) -> None:
    """Every feature twice says the same, and is regularised the same."""
    dives = Dives(rng, 30)
    params = {"bounds": "fractions", "regressor": "linear"}
    head = S3DHead(**params).fit(dives.x, dives.y, clips=dives.clips)
    twice = [np.concatenate([sequence, sequence], axis=1) for sequence in dives.x]
    wide = S3DHead(**params).fit(twice, dives.y, clips=dives.clips)
    assert wide.best_params_ == head.best_params_
    np.testing.assert_allclose(
        wide.predict(twice, clips=dives.clips), head.predict(dives.x, clips=dives.clips), rtol=1e-6
    )
