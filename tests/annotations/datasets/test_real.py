"""The importers on the authors' own files; skipped where the real data is absent."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import scipy.io

from aqa.annotations.datasets import find_importer
from aqa.annotations.importing import Request
from aqa.annotations.importing.matlab import read_vector
from aqa.annotations.importing.pickles import read_pickle
from aqa.annotations.importing.write import import_dataset
from aqa.annotations.manifest import Manifest
from aqa.annotations.split_protocols import make_splits
from aqa.annotations.splits import shared_labels
from aqa.errors import AqaError


def imported(folder: Path, name: str, *sources: Path) -> tuple[Manifest, str]:
    lines = import_dataset(
        name, find_importer(name).importer, Request(sources), folder / "manifest.csv"
    )
    return Manifest.read(folder / "manifest.csv"), "\n".join(lines)


@pytest.fixture(scope="module")
def mtl_aqa(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Manifest, str]:
    return imported(tmp_path_factory.mktemp("mtl"), "mtl-aqa", shared / "data" / "mtl-aqa")


@pytest.fixture(scope="module")
def p3d(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Manifest, str]:
    folder = tmp_path_factory.mktemp("p3d")
    return imported(folder, "unlv-dive-p3d", shared / "data" / "unlv-dive-p3d")


def test_mtl_aqa(mtl_aqa: tuple[Manifest, str]) -> None:
    table, lines = mtl_aqa
    split = table.split("published")
    assert (len(table), len(split.train), len(split.test)) == (1412, 1059, 353)
    assert (min(v.score for v in table), max(v.score for v in table)) == (0, 104.5)
    first = table.by_id["01-001"]
    assert (first.score, first.difficulty, first.execution) == (88.0, 3.2, 27.5)
    assert (first.start_frame, first.end_frame, first.event) == (7377, 7462, "01")
    assert first.type == "407C"
    assert first.attributes == {
        "position": "tuck",
        "armstand": "no",
        "rotation": "inward",
        "somersaults": "3.5",
        "twists": "0.0",
    }
    assert first.commentary.startswith("and a half somersault over the")
    assert all(video.commentary for video in table)
    assert "4 captions of dives without annotation are left out" in lines
    assert "11 scores are not a multiple of half the difficulty" in lines


def test_types_are_finas(mtl_aqa: tuple[Manifest, str]) -> None:
    """The usual difficulty of each type is that of FINA's table for 10 m."""
    fina = {"107B": 3.0, "109C": 3.7, "207B": 3.6, "207C": 3.3, "307C": 3.3, "407C": 3.2}
    fina |= {"409C": 4.1, "5154B": 3.4, "5253B": 3.2, "5255B": 3.6, "5353B": 3.3, "5355B": 3.7}
    fina |= {"6142": 3.1, "6243": 3.2, "6245": 3.6, "626": 3.3}
    for name, difficulty in fina.items():
        counts = Counter(video.difficulty for video in mtl_aqa[0] if video.type == name)
        assert counts.most_common(1)[0][0] == difficulty, name


def test_the_official_split_leaks_events_and_ours_does_not(mtl_aqa: tuple[Manifest, str]) -> None:
    table, _ = mtl_aqa
    events = {video.id: video.event for video in table}
    (official,) = make_splits(table, "mtl-aqa", {}).splits
    assert len(shared_labels(official, events)[1]) == 353
    for split in make_splits(table, "mtl-aqa-events", {}).splits:
        assert shared_labels(split, events) == (set(), ())
        assert 0.2 < len(split.test) / 1412 < 0.3


def test_aqa_7_has_the_ranges_of_table_1(shared: Path, tmp_path: Path) -> None:
    table, _ = imported(tmp_path, "aqa-7", shared / "data" / "aqa-7")
    split = table.split("published")
    assert (len(split.train), len(split.test)) == (803, 303)
    found = {}
    for action in {video.action for video in table}:
        scores = [video.score for video in table if video.action == action]
        found[action] = (len(scores), min(scores), max(scores))
    assert found == {
        "diving": (370, 21.6, 102.6),
        "gym_vault": (176, 12.3, 16.87),
        "ski_big_air": (175, 8, 50),
        "snowboard_big_air": (206, 8, 50),
        "sync_diving_3m": (88, 46.2, 104.88),
        "sync_diving_10m": (91, 49.8, 99.36),
    }


def test_p3d_brings_back_jain2020_table_iii(p3d: tuple[Manifest, str]) -> None:
    table, lines = p3d
    # type: dives, best score, how often, worst score; the table's sixth worst is 64.8
    expected = {
        "407C": (54, 92.8, 1, 51.2),
        "207B": (31, 102.6, 2, 21.6),
        "307C": (59, 94.05, 4, 34.65),
        "109C": (38, 99.9, 2, 66.6),
        "626": (23, 99.75, 1, 36.3),
        "5255B": (45, 102.6, 1, 46.8),
    }
    for name, values in expected.items():
        scores = [video.score for video in table if video.type == name]
        assert (len(scores), max(scores), scores.count(max(scores)), min(scores)) == values
    assert len(table.split("published").train) == 300
    assert [video.id for video in table if video.type is None] == ["073", "133", "345"]
    assert [video.id for video in table if not video.stages] == ["032", "095"]
    assert list(table[0].stages.items()) == [
        ("jump", 31),
        ("drop", 42),
        ("entry", 65),
        ("ending", 75),
    ]
    # The next command works from wherever the import was given.
    command = lines.replace(" \\\n   ", "")
    assert f"--ids {table.path.parent / 'ids.txt'} --fitted-on {table.path.parent}" in command
    ids = (table.path.parent / "ids.txt").read_text().split()
    fitted_on = (table.path.parent / "fitted-on.txt").read_text().split()
    assert ids == list(table.ids)
    assert tuple(fitted_on) == table.split("published").train


def test_unlv_dive_has_the_same_split(
    shared: Path, tmp_path: Path, p3d: tuple[Manifest, str]
) -> None:
    scores = np.array([[video.score for video in p3d[0]]])
    scipy.io.savemat(tmp_path / "diving_overall_scores.mat", {"overall_scores": scores})
    table, lines = imported(tmp_path, "unlv-dive", tmp_path, shared / "data" / "unlv-dive")
    split = table.split("published")
    assert (len(split.train), len(split.test)) == (300, 70)
    assert split == p3d[0].split("published")
    assert "neither difficulty nor execution" in lines


def test_pickled_numpy_numbers_of_the_same_split(shared: Path) -> None:
    folder = shared / "data" / "unlv-dive"
    for part, name, size in (("train", "training", 300), ("test", "testing", 70)):
        keys = read_pickle(folder / f"{part}_split_370_4.pkl")
        assert len(set(keys)) == size == len(read_vector(folder / f"{name}_idx.mat", f"{name}_idx"))
        assert all(type(number) is int for key in keys for number in key)


@pytest.mark.parametrize(
    "path",
    [
        "mtl-aqa/final_annotations_dict.pkl",
        "mtl-aqa/train_split_0.pkl",
        "aqa-7/consolidated_test_list.mat",
    ],
)
def test_cut_short_they_are_refused(shared: Path, tmp_path: Path, path: str) -> None:
    name, file = path.split("/")
    for own in (shared / "data" / name).iterdir():
        data = own.read_bytes()
        (tmp_path / own.name).write_bytes(data[: len(data) // 2] if own.name == file else data)
    with pytest.raises(AqaError, match=f"{file}: not a (whole pickle|MATLAB file)"):
        imported(tmp_path / "new", name, tmp_path)
    assert not (tmp_path / "new").exists()
