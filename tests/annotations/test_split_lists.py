"""Splits from lists of ids, as authors publish them."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from aqa.annotations.manifest import Manifest, write_manifest
from aqa.annotations.split_lists import split_of_lists, splits_of_folds
from aqa.errors import AqaError, AqaWarning

IDS = ("01-001", "01-002", "02-001", "02-010", "dive_7.a", "dive_7.b")


@pytest.fixture
def manifest(tmp_path) -> Manifest:
    rows = [{"video_id": i, "path": "", "score": n} for n, i in enumerate(IDS)]
    write_manifest(tmp_path / "manifest.csv", rows)
    return Manifest.read(tmp_path / "manifest.csv")


def write(path: Path, value) -> Path:
    """A text of lines, JSON or a pickle, by the name's ending."""
    if path.suffix == ".json":
        path.write_text(json.dumps(value))
    elif path.suffix == ".pkl":
        path.write_bytes(pickle.dumps(value))
    else:
        path.write_text("\n".join(value) + "\n")
    return path


@pytest.mark.parametrize("ending", ["txt", "json", "pkl"])
def test_a_list_for_each_part(manifest, tmp_path, ending):
    parts = {"train": IDS[:3], "val": IDS[3:4], "test": IDS[4:]}
    files = {part: write(tmp_path / f"{part}.{ending}", list(ids)) for part, ids in parts.items()}
    split = split_of_lists(manifest, files, skip_unknown=False)
    assert (split.train, split.val, split.test) == (IDS[:3], IDS[3:4], IDS[4:])


def test_lines_may_hold_more_than_an_id(manifest, tmp_path):
    train = write(tmp_path / "train.txt", ["# ids", "01-001 28.7 1", "", "01-002,3", "02-001\t4"])
    test = write(tmp_path / "test.txt", ["02-010"])
    split = split_of_lists(manifest, {"train": train, "test": test}, skip_unknown=False)
    assert split.train == IDS[:3]


def test_ids_that_are_written_otherwise(manifest, tmp_path):
    train = write(tmp_path / "train.pkl", [(1, 1), (1, 2), (2, 10)])
    test = write(tmp_path / "test.txt", ["videos/02_001.mp4"])
    with pytest.warns(AqaWarning, match=r"4 ids .* such as \(1, 1\) for 01-001"):
        split = split_of_lists(manifest, {"train": train, "test": test}, skip_unknown=False)
    assert split.train == ("01-001", "01-002", "02-010")
    assert split.test == ("02-001",)


def test_ids_that_could_mean_two_videos_are_unknown(manifest, tmp_path):
    write_manifest(
        tmp_path / "two.csv",
        [{"video_id": i, "path": "", "score": 1} for i in ("a_1", "a_01", "b")],
    )
    two = Manifest.read(tmp_path / "two.csv")
    lists = {"train": write(tmp_path / "a.txt", ["a-1"]), "test": write(tmp_path / "b.txt", ["b"])}
    with pytest.raises(AqaError, match=r"1 ids are of no video of .*: a-1; leave them out with"):
        split_of_lists(two, lists, skip_unknown=False)


def test_unknown_ids_are_left_out_when_asked(manifest, tmp_path):
    train = write(tmp_path / "train.txt", [*IDS[:3], "absent"])
    lists = {"train": train, "test": write(tmp_path / "test.txt", IDS[3:])}
    with pytest.raises(AqaError, match="absent"):
        split_of_lists(manifest, lists, skip_unknown=False)
    with pytest.warns(AqaWarning, match="absent; left out"):
        split = split_of_lists(manifest, lists, skip_unknown=True)
    assert split.train == IDS[:3]


A, B = list(IDS[:3]), list(IDS[3:])
FOLDS = [
    {"train": A, "test": B},
    {"one": {"Training": A, "testing": B}, "two": {"train": B, "test": A}},
    [{"train": A, "test": B}, {"train": B, "test": A}],
    [[A, B], [B, A]],
    {"f1": B, "f2": A},
    [B, A[:1], A[1:]],
]


@pytest.mark.parametrize("ending", ["json", "pkl"])
@pytest.mark.parametrize("folds", FOLDS)
def test_folds_of_every_shape(manifest, tmp_path, folds, ending):
    splits = splits_of_folds(manifest, write(tmp_path / f"f.{ending}", folds), skip_unknown=False)
    assert set(splits[0].train) == set(A)
    assert set(splits[0].test) == set(B)
    for split in splits:
        assert sorted([*split.train, *split.test]) == sorted(IDS)


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        ([A, [*B, A[0]]], "in two folds: 01-001"),
        ({"train": A, "test": [*B, A[0]]}, "'01-001' is in train and in test"),
        ({"train": A, "other": B}, "no splits that are understood"),
        ([1.5, 2.5], "no splits that are understood"),
        ({"train": A, "test": [None]}, "no splits that are understood"),
        ("text", "no splits that are understood"),
        ([], "no splits that are understood"),
    ],
)
def test_folds_that_are_none(manifest, tmp_path, folds, message):
    with pytest.raises(AqaError, match=message):
        splits_of_folds(manifest, write(tmp_path / "f.json", folds), skip_unknown=False)


class Evil:
    """Runs something where it is unpickled."""

    def __reduce__(self):
        return os.mkdir, ("made-by-a-pickle",)


def test_a_pickle_that_would_run_something_is_refused(manifest, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AqaError, match="refused"):
        splits_of_folds(manifest, write(tmp_path / "f.pkl", [Evil()]), skip_unknown=False)
    assert not Path("made-by-a-pickle").exists()


def test_as_typed(manifest, tmp_path, monkeypatch, run_aqa):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "train.txt", A)
    write(tmp_path / "test.txt", B)
    run_aqa("split", "--train", "train.txt", "--test", "test.txt", "--name", "theirs")
    write(tmp_path / "folds.json", [A, B])
    run_aqa("split", "lists", "--folds", "folds.json")
    after = Manifest.read(tmp_path / "manifest.csv")
    assert after.split("theirs").test == tuple(B)
    assert after.split("lists-2").test == tuple(B)
    record = json.loads((tmp_path / "manifest.splits.json").read_text())
    assert record["theirs"]["options"]["train"] == "train.txt"
    result = run_aqa("split", "random", "--test", "test.txt", code=2)
    assert "test.txt is a file; `aqa split lists` takes files" in result.stderr
    result = run_aqa("split", "lists", "--train", "train.txt", code=1)
    assert "give --train FILE and --test FILE" in result.stderr


def test_folds_of_any_names_are_one_family(manifest, tmp_path, monkeypatch, run_aqa):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "folds.json", {"north": A, "south": B})
    run_aqa("split", "--folds", "folds.json")
    run_aqa("split", "--folds", "folds.json", "--name", "louo")
    names = Manifest.read(tmp_path / "manifest.csv").split_names
    assert names == ("lists-1", "lists-2", "louo-north", "louo-south")
    record = json.loads((tmp_path / "manifest.splits.json").read_text())
    assert record["lists"]["called"] == {"lists-1": "north", "lists-2": "south"}


def test_the_published_lists_of_mtl_aqa(shared, tmp_path, monkeypatch, run_aqa):
    monkeypatch.chdir(tmp_path)
    data = shared / "data" / "mtl-aqa"
    run_aqa("import", "mtl-aqa", str(data))
    lists = [str(data / f"{part}_split_0.pkl") for part in ("train", "test")]
    run_aqa("split", "--train", lists[0], "--test", lists[1])
    manifest = Manifest.read(tmp_path / "manifest.csv")
    for part in ("train", "test"):
        assert sorted(manifest.split("lists").part(part)) == sorted(
            manifest.split("published").part(part)
        )


def test_the_numbers_of_a_matlab_file(tmp_path):
    rows = [{"video_id": f"{n:02d}", "path": "", "score": n} for n in range(1, 5)]
    write_manifest(tmp_path / "manifest.csv", rows)
    numbers = {"train": [[4.0, 1.0]], "test": [[2.0], [3.0]]}
    for part, values in numbers.items():
        scipy.io.savemat(tmp_path / f"{part}.mat", {f"{part}_idx": np.array(values)})
    files = {part: tmp_path / f"{part}.mat" for part in numbers}
    with pytest.warns(AqaWarning, match="such as 4 for 04"):
        split = split_of_lists(Manifest.read(tmp_path / "manifest.csv"), files, False)
    assert (split.train, split.test) == (("04", "01"), ("02", "03"))
    scipy.io.savemat(files["test"], {"x": np.array([[2.5, 3.0]])})
    with pytest.raises(AqaError, match=r"2\.5 is no sample number"):
        split_of_lists(Manifest.read(tmp_path / "manifest.csv"), files, False)
