from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aqa import __version__
from aqa.annotations.manifest import Manifest, write_manifest
from aqa.annotations.split_makers import MAKERS
from aqa.annotations.split_protocols import PROTOCOLS, make_splits
from aqa.annotations.split_record import record_path, write_splits
from aqa.errors import AqaError


def manifest(tmp_path: Path, n: int = 60, **columns: Any) -> Manifest:
    """n videos; a column is a function of the video's number."""
    columns = {"type": lambda i: "abc"[i % 3], "event": lambda i: i // 6, **columns}
    rows = [
        {"video_id": f"v{i}", "path": "", "score": i, **{k: f(i) for k, f in columns.items()}}
        for i in range(n)
    ]
    write_manifest(tmp_path / "manifest.csv", rows)
    return Manifest.read(tmp_path / "manifest.csv")


def published(train: int, test: int) -> Any:
    return lambda i: "train" if i < train else "test" if i < train + test else ""


# protocol -> videos, columns, splits, and the sizes of train and test of each
PAPERS: dict[str, Any] = {
    "jain2020-diving": (264, {"type": lambda i: "abcdef"[i % 6]}, 10, (174, 90)),
    "li2018": (176, {"split_published": published(120, 56)}, 1, (120, 56)),
    "scoringnet": (159, {}, 6, (100, 59)),
    "mtl-aqa": (1412, {"split_published": published(1059, 353)}, 1, (1059, 353)),
    "mtl-aqa-events": (60, {}, 5, (48, 12)),
    "aqa-7": (1106, {"split_published": published(803, 303)}, 1, (803, 303)),
    "jain2020-vault": (176, {"type": lambda i: "tuck" if i < 138 else "pike"}, 5, (98, 40)),
    "aqa-7-zero-shot": (60, {"action": lambda i: ["x", "y", "big air"][i % 3]}, 3, (40, 20)),
    "mit-diving": (159, {}, 200, (100, 59)),
}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_the_papers_protocols(tmp_path: Path, name: str) -> None:
    n, columns, n_splits, sizes = PAPERS[name]
    table = manifest(tmp_path, n, **columns)
    made = make_splits(table, name, {})
    assert len({split.name for split in made.splits}) == len(made.splits) == n_splits
    assert len({split.test for split in made.splits}) == n_splits
    for split in made.splits:
        assert (len(split.train), len(split.test)) == sizes
        assert made.record["splits"][split.name] == {"train": sizes[0], "val": 0, "test": sizes[1]}
    assert make_splits(table, name, {}).splits == made.splits
    held_out = make_splits(table, name, {}, val=0.2)
    for split, with_val in zip(made.splits, held_out.splits, strict=True):
        assert with_val.test == split.test
        assert sorted(with_val.train + with_val.val) == sorted(split.train)
        assert with_val.val


@pytest.mark.parametrize("name", sorted(MAKERS.keys() - {"published", "lists"}))
def test_the_makers_with_their_defaults(tmp_path: Path, name: str) -> None:
    given = {"test": 5, "kinds": 3} if name == "balanced" else {}
    table = manifest(tmp_path, action=lambda i: "xy"[i % 2])
    made = make_splits(table, name, given, seed=1)
    for split in made.splits:
        assert split.name == name or split.name.startswith(f"{name}-")
        assert sorted(split.train + split.test) == sorted(table.ids)
    assert make_splits(table, name, given, seed=1).splits == made.splits
    if name != "leave-one-out":
        assert make_splits(table, name, given, seed=2).splits != made.splits


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "an unknown name": ("scoring-net", {}, "did you mean 'scoringnet'"),
    "what a protocol fixes": ("jain2020-diving", {"n": 3}, "--n: jain2020-diving fixes this"),
    "an option of another maker": ("random", {"by": ("type",)}, "--by means nothing to"),
    "an unknown column": ("grouped", {"by": ("evnt",)}, "'evnt'; did you mean 'event'"),
    "a label that is not given": (
        "grouped",
        {"by": ("venue",)},
        "30 videos have no venue, such as v1",
    ),
    "too few videos": ("random", {"test": 60}, "a part of 60 videos cannot be drawn from 60"),
    "no share": ("random", {"test": 1.5}, "1.5 is neither a count nor a share"),
    "too few of a type": ("balanced", {"test": 20, "kinds": 3}, "20 videos of 'a', too few"),
    "a share of each type": ("balanced", {"test": 0.2}, "test=0.2 of each of 6 kinds: counts"),
    "too few types": ("jain2020-diving", {}, "3 kinds of videos where 6 are asked"),
    "types that are none": ("balanced", {"kinds": ("x",)}, "0 videos of 'x'"),
    "another dataset": (
        "scoringnet",
        {},
        "60 videos; this protocol is made for datasets of 370, 176",
    ),
    "a split that is not there": (
        "mtl-aqa",
        {},
        "no column split_published; `aqa import` writes it",
    ),
    "groups that hang together": ("grouped", {"by": ("action",)}, "connect all 60 videos"),
    "actions that read alike": ("leave-one-out", {"by": ("odd",)}, "'leave-one-out-a-b' names no"),
    "one action": ("leave-one-out", {}, "'x' is the only label"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_split_says_why(tmp_path: Path, case: str) -> None:
    name, given, expected = REFUSED[case]
    table = manifest(
        tmp_path,
        action=lambda i: "x",
        venue=lambda i: "" if i % 2 else "pool",
        odd=lambda i: "a b" if i % 2 else "a/b",
    )
    with pytest.raises(AqaError) as caught:
        make_splits(table, name, given)
    assert expected in str(caught.value)


def test_a_published_split_of_another_size_is_refused(tmp_path: Path) -> None:
    table = manifest(tmp_path, split_published=published(40, 20))
    with pytest.raises(AqaError, match=r"40 and 20 videos in published, where it has 803 and 303"):
        make_splits(table, "aqa-7", {})
    made = make_splits(table, "published", {})
    assert made.base is None
    assert made.splits == [table.split("published")]
    before = table.path.read_bytes()
    write_splits(table.path, made)
    assert table.path.read_bytes() == before
    assert make_splits(table, "published", {}, val=4).splits[0].name == "published-val"


def test_splits_are_written_recorded_and_replaced_whole(tmp_path: Path) -> None:
    table = manifest(tmp_path)
    path = table.path
    made = make_splits(table, "random", {"n": 3, "test": 12}, val=6, seed=7, base="mine")
    write_splits(path, made)
    again = Manifest.read(path)
    assert again.split_names == ("mine-1", "mine-2", "mine-3")
    assert [again.split(name) for name in again.split_names] == made.splits
    record = json.loads(record_path(path).read_text())["mine"]
    assert (record["maker"], record["seed"], record["val"]) == ("random", 7, 6)
    assert record["options"] == {"n": 3, "test": 12}
    assert record["splits"]["mine-2"] == {"train": 42, "val": 6, "test": 12}
    fewer = make_splits(again, "random", {"n": 2}, base="mine")
    before = path.read_bytes()
    with pytest.raises(AqaError, match="a column split_mine-1 already"):
        write_splits(path, fewer)
    assert path.read_bytes() == before
    write_splits(path, fewer, force=True)
    write_splits(path, make_splits(again, "random", {}))
    assert Manifest.read(path).split_names == ("mine-1", "mine-2", "random")
    assert set(json.loads(record_path(path).read_text())) == {"mine", "random"}


@pytest.mark.parametrize("text", ["[1]", "{", '{"mine": 3}'])
def test_a_record_that_is_none_stops_before_anything_is_written(tmp_path: Path, text: str) -> None:
    table = manifest(tmp_path)
    before = table.path.read_bytes()
    record_path(table.path).write_text(text)
    with pytest.raises(AqaError, match=r"manifest\.splits\.json: .*move it away"):
        write_splits(table.path, make_splits(table, "random", {}))
    assert table.path.read_bytes() == before


def test_stratified_and_balanced_splits_keep_their_labels_apart(tmp_path: Path) -> None:
    table = manifest(tmp_path, type=lambda i: "a" if i < 40 else "b", turn=lambda i: "x" * (i % 2))
    (split, *_) = make_splits(table, "stratified", {"test": 0.25, "by": ("type",)}).splits
    kinds = [table.by_id[i].type for i in split.test]
    assert (kinds.count("a"), kinds.count("b")) == (10, 5)
    made = make_splits(table, "balanced", {"test": 4, "kinds": 2, "by": ("type",), "n": 3})
    assert len(made.splits) == 3
    for split in made.splits:
        assert sum(table.by_id[i].type == "a" for i in split.test) == 4
        assert len(split.test) == 8


def test_the_record_says_how_they_were_made(tmp_path: Path) -> None:
    record = make_splits(manifest(tmp_path), "random", {"n": 2, "test": 9}, val=0.2, seed=5).record
    sizes = {"train": 41, "val": 10, "test": 9}
    assert record == {
        "made_by": "random",
        "maker": "random",
        "options": {"n": 2, "test": 9},
        "val": 0.2,
        "seed": 5,
        "aqa": __version__,
        "splits": {"random-1": sizes, "random-2": sizes},
    }
