from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from sklearn.linear_model import RidgeCV

from aqa.annotations.importing.pickles import read_pickle
from aqa.annotations.manifest import Manifest, Video
from aqa.annotations.splits import Split
from aqa.errors import UnknownNameError
from aqa.evaluation import baselines
from aqa.evaluation.baselines import Baseline, split_baselines, usable_columns
from aqa.evaluation.neighbours import neighbour_means
from aqa.evaluation.sparse_ridge import SparseRidgeCV
from aqa.features.store import FeatureStore, import_arrays
from aqa.models.runs import RunError


@pytest.fixture
def dives(rng: np.random.Generator) -> tuple[Manifest, Split]:
    """80 videos: scores follow difficulty and event; the last 20 are tested."""
    videos = []
    for k in range(80):
        difficulty, event = float(rng.uniform(1.5, 4)), k % 3
        score = 20 * difficulty + 8 * event + rng.normal(scale=3)
        videos.append(
            Video(f"v{k}", None, score, difficulty=difficulty, event=f"e{event}", type="A")
        )
    ids = [video.id for video in videos]
    return Manifest(videos, Path("m.csv")), Split("1", tuple(ids[:60]), test=tuple(ids[60:]))


def by_name(split: Split, manifest: Manifest, *names: str) -> dict:
    return {found.name: found for found in split_baselines(split, manifest, names=names)}


def rows_of(found: Baseline) -> list[dict]:
    return [*found.learned, *found.tested.rows]


def test_each_column_alone_and_all(dives) -> None:
    manifest, split = dives
    found = by_name(split, manifest)  # types do not differ, so they tell nothing
    assert set(found) == {"baseline-event", "baseline-difficulty", "baseline-all"}
    tested = [manifest.by_id[i] for i in split.test]
    alone = scipy.stats.spearmanr([v.difficulty for v in tested], [v.score for v in tested])
    assert found["baseline-difficulty"].tested.whole.values["spearman"] == pytest.approx(
        alone.statistic
    )
    errors = {name: own.tested.whole.values["mse"] for name, own in found.items()}
    assert errors["baseline-all"] < errors["baseline-difficulty"] < errors["baseline-event"]
    assert found["baseline-all"].marks.baseline == ("event", "difficulty")


def test_of_labels_it_is_nearly_the_mean_of_the_label(dives) -> None:
    manifest, split = dives
    rows = rows_of(by_name(split, manifest, "event")["baseline-event"])
    for row in rows:
        event = manifest.by_id[row["video_id"]].event
        own = [v.score for v in manifest if v.event == event and v.id in split.train]
        everyone = [manifest.by_id[i].score for i in split.train]
        shrunk = row["predicted"] - np.mean(own)  # towards the mean of all
        assert abs(shrunk) < 0.2 * abs(np.mean(own) - np.mean(everyone)) + 1e-6


def test_test_scores_are_not_looked_at(dives) -> None:
    manifest, split = dives
    changed = [replace(v, score=0.0) if v.id in split.test else v for v in manifest]
    ours, theirs = (
        [r["predicted"] for r in rows_of(by_name(split, m)["baseline-all"])]
        for m in (manifest, Manifest(changed, manifest.path))
    )
    assert ours == theirs


def test_a_label_that_was_not_trained_on_tells_nothing(dives) -> None:
    manifest, split = dives
    odd = split.test[0]
    changed = [replace(v, event="new") if v.id == odd else v for v in manifest]
    (found,) = split_baselines(split, Manifest(changed, manifest.path), names=["event"])
    predicted = {row["video_id"]: row["predicted"] for row in rows_of(found)}
    train = [manifest.by_id[i].score for i in split.train]
    assert predicted[odd] == pytest.approx(np.mean(train), abs=0.5)


def test_columns_with_gaps_are_not_usable(dives) -> None:
    manifest, split = dives
    changed = [replace(v, difficulty=None) if v.id == split.test[3] else v for v in manifest]
    gaps = Manifest(changed, manifest.path)
    assert set(usable_columns(split, gaps, None)) == {"event"}
    known = r"'difficulty'; .*known: event, all, neighbours; every video"
    with pytest.raises(UnknownNameError, match=known):
        by_name(split, gaps, "event+difficulty")


def test_without_test_videos_there_is_nothing_to_evaluate(dives) -> None:
    manifest, split = dives
    with pytest.raises(RunError, match=r"m\.csv: split 1 has no test videos"):
        by_name(replace(split, test=()), manifest)


def test_any_column_may_be_named(dives) -> None:
    """Numbers where every value is one, labels elsewhere; none of them is used by itself."""
    manifest, split = dives
    rows = {
        video.id: {"wind": f"{video.score / 10:.3f}", "club": video.event or "", "score": "1"}
        for video in manifest
    }
    videos = [replace(video, row=rows[video.id]) for video in manifest]
    manifest = Manifest(videos, manifest.path)
    found = by_name(split, manifest, "wind", "club+difficulty", "all", "neighbours")
    assert found["baseline-wind"].tested.whole.values["spearman"] > 0.99
    assert found["baseline-all"].marks.baseline == ("event", "difficulty")
    ours = [row["predicted"] for row in rows_of(found["baseline-all"])]
    theirs = [row["predicted"] for row in rows_of(found["baseline-club+difficulty"])]
    assert ours == pytest.approx(theirs)
    means = neighbour_means(split, manifest)
    assert found["baseline-neighbours"].marks.alpha is None
    for row in rows_of(found["baseline-neighbours"]):
        assert row["predicted"] == pytest.approx(means[row["video_id"]])
    with pytest.raises(UnknownNameError, match="'score'"):
        by_name(split, manifest, "score")
    rows[split.test[0]]["wind"] = ""
    with pytest.raises(UnknownNameError, match="'wind'"):
        by_name(split, manifest, "wind")


@pytest.mark.parametrize("name", ["wind@tes", "m/s"])
def test_a_column_whose_folder_would_be_another_baselines_is_refused(dives, name: str) -> None:
    manifest, split = dives
    videos = [replace(video, row={"score": "1", name: str(k)}) for k, video in enumerate(manifest)]
    with pytest.raises(RunError, match="rename the column"):
        by_name(split, Manifest(videos, manifest.path), name)


def test_seconds_are_used_where_the_manifest_tells_them(dives) -> None:
    manifest, split = dives
    videos = [replace(v, row={"seconds": str(k)}) for k, v in enumerate(manifest)]
    assert "seconds" in usable_columns(split, Manifest(videos, manifest.path), None)


def test_a_store_counts_clips(dives, tmp_path: Path) -> None:
    manifest, split = dives
    arrays = {i: np.zeros((1 + k % 4, 2)) for k, i in enumerate(manifest.ids)}
    import_arrays(tmp_path / "s.h5", arrays, source="x")
    with FeatureStore.open(tmp_path / "s.h5") as store:
        columns = usable_columns(split, manifest, store)
    assert columns["clips"] == {i: len(array) for i, array in arrays.items()}
    assert "frames" not in columns  # which imported features do not tell


class TestRealDives:
    """MTL-AQA: what its annotations alone tell of the scores."""

    @pytest.fixture(scope="class")
    @classmethod
    def dives(cls, shared: Path) -> tuple[Manifest, dict[str, Split]]:
        folder = shared / "data" / "mtl-aqa"
        read = {
            name: read_pickle(folder / f"{name}.pkl")
            for name in ("final_annotations_dict", "train_split_0", "test_split_0")
        }
        codes = ("position", "armstand", "rotation_type", "ss_no", "tw_no")
        videos = [
            Video(
                f"{event}-{number}",
                None,
                dive["final_score"],
                difficulty=dive["difficulty"],
                event=str(event),
                type="-".join(str(dive[code]) for code in codes),
            )
            for (event, number), dive in read["final_annotations_dict"].items()
        ]
        official = [
            tuple(f"{event}-{number}" for event, number in read[f"{part}_split_0"])
            for part in ("train", "test")
        ]
        events = sorted({video.event for video in videos}, key=int)
        apart = [
            tuple(v.id for v in videos if (events.index(v.event) % 4 == 0) == tested)
            for tested in (False, True)
        ]
        return Manifest(videos, folder), {
            name: Split(name, parts[0], test=parts[1])
            for name, parts in (("official", official), ("events", apart))
        }

    @pytest.mark.parametrize(
        ("columns", "official", "events_apart"),
        [
            ("event", 0.637, None),  # all events are new: one answer for all videos
            ("difficulty", 0.560, 0.482),
            ("type", 0.596, 0.485),
            ("event+difficulty+type", 0.688, 0.498),
        ],
    )
    def test_they_tell_much(self, dives, columns: str, official: float, events_apart) -> None:
        manifest, splits = dives
        for name, expected in (("official", official), ("events", events_apart)):
            (found,) = split_baselines(splits[name], manifest, names=[columns])
            if expected is None:
                assert found.tested.whole.values["spearman"] is None
            else:
                assert found.tested.whole.values["spearman"] == pytest.approx(expected, abs=0.002)


def test_of_many_labels_the_table_is_not_made_dense(dives, monkeypatch) -> None:
    manifest, split = dives
    at_once = by_name(split, manifest)
    monkeypatch.setattr(baselines, "_DENSE", 10)
    monkeypatch.setattr(baselines, "RidgeCV", None)  # not used for labels
    for name, own in by_name(split, manifest, "event", "event+difficulty").items():
        expected = at_once[name.replace("event+difficulty", "all")]
        assert own.marks.alpha == expected.marks.alpha
        for row, other in zip(rows_of(own), rows_of(expected), strict=True):
            assert row["predicted"] == pytest.approx(other["predicted"], rel=1e-10)


@pytest.mark.parametrize("kinds", [2, 30, 200])
def test_the_sparse_ridge_is_scikit_learns(kinds: int, rng: np.random.Generator) -> None:
    """With more columns than videos, too."""
    labels = rng.integers(kinds, size=(90, 2))
    x = np.hstack([np.eye(kinds)[labels[:, 0]], np.eye(kinds)[labels[:, 1]], labels / kinds])
    y = labels[:, 0] % 7 + rng.normal(size=90)
    alphas = (0.01, 0.1, 1.0, 10.0)
    expected, found = RidgeCV(alphas).fit(x, y), SparseRidgeCV(alphas).fit(x, y)
    assert found.alpha_ == expected.alpha_
    np.testing.assert_allclose(found.predict(x), expected.predict(x), rtol=1e-9, atol=1e-9)


def test_a_column_of_too_many_labels_for_many_videos_is_not_usable(dives, monkeypatch) -> None:
    manifest, split = dives
    monkeypatch.setattr(baselines, "_MOST_LABELS", 2)
    assert "event" in usable_columns(split, manifest, None)
    monkeypatch.setattr(baselines, "_DENSE", 100)
    assert set(usable_columns(split, manifest, None)) == {"difficulty"}
    with pytest.raises(UnknownNameError, match="2 labels at most"):
        by_name(split, manifest, "event")
