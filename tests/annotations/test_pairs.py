"""Tables of pairs: what is read, which part a pair is in, what is refused, what is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from aqa.annotations.manifest import Manifest
from aqa.annotations.pair_checks import circles, told_of_pairs
from aqa.annotations.pairs import ACROSS, Pair, PairTable
from aqa.annotations.splits import Split
from aqa.errors import AqaError


def table(folder: Path, text: str, ids: str = "abcd") -> PairTable:
    path = folder / "pairs.csv"
    path.write_text(text)
    return PairTable.read(path, ids, folder / "manifest.csv")


def manifest(folder: Path, text: str, pairs: str) -> Manifest:
    (folder / "manifest.csv").write_text(text)
    (folder / "pairs.csv").write_text(pairs)
    return Manifest.read(folder / "manifest.csv").of_target("pairs")


def test_a_pair_is_where_its_videos_are(tmp_path: Path) -> None:
    pairs = table(tmp_path, "better,worse\na,b\nb,c\nc,d\nd,a\na,c\nb,d\nd,c\n", "abcde")
    split = Split("1", ("a",), ("b",), ("c", "d"))
    assert pairs.parts(split) == ["val", ACROSS, "test", ACROSS, ACROSS, ACROSS, "test"]
    assert pairs.parts(Split("1", ("a", "b"), (), ("c",))) == [
        *("train", ACROSS, "", "", ACROSS, "", "")
    ]


def test_a_split_of_pairs_is_what_its_column_says(tmp_path: Path) -> None:
    pairs = table(tmp_path, "better,worse,split_1\na,b,train\nb,a,test\nb,c,test\nc,d,\n")
    split = Split("1", ("a", "b"), (), ("c",))
    assert pairs.parts(split) == ["train", "test", "test", ""]
    assert pairs.by_part(split) == {
        **{"train": [("a", "b")], "val": [], "test": [("b", "a"), ("b", "c")], ACROSS: []},
    }
    assert pairs.parts(Split("2", ("a", "b", "c", "d"))) == ["train"] * 4
    assert pairs.video_parts("1") == {"a": "train", "b": "train", "c": "test"}
    with pytest.raises(AqaError, match=r"learns from 1 pairs with a video.*a and b; take one"):
        pairs.parts(Split("1", ("a",), (), ("b", "c")))


def test_a_manifest_is_seen_with_its_pairs(tmp_path: Path) -> None:
    seen = manifest(
        tmp_path,
        "video_id,path,score,split_1\na,,5,train\nb,,6,train\nc,,7,test\n",
        "better,worse,split_pairs\na,b,train\nb,c,test\n",
    )
    assert seen.target == "pairs"
    assert seen.pairs is not None
    assert seen.pairs.pairs == (("a", "b"), ("b", "c"))
    assert all(video.score != video.score for video in seen)
    assert seen.split_names == ("1", "pairs")
    assert seen.split("pairs") == Split("pairs", ("a", "b"), (), ("c",))
    assert seen.of_target("score").by_id["c"].score == 7
    assert seen.of_target("pairs") is seen


def test_a_manifest_with_pairs_needs_no_score(tmp_path: Path) -> None:
    seen = manifest(tmp_path, "video_id,path,type\na,,A\nb,,B\n", "better,worse\na,b\n")
    assert seen.ids == ("a", "b")
    (tmp_path / "pairs.csv").unlink()
    with pytest.raises(AqaError, match="no column score"):
        Manifest.read(tmp_path / "manifest.csv")
    with pytest.raises(AqaError, match="no such table of pairs; write one with the columns better"):
        Manifest(seen.videos, seen.path).of_target("pairs")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("better,worse\n", "it has a header but no rows"),
        ("", "its first row must name better, worse"),
        ("first,worse\na,b\n", "row 1: no column better; required are better and worse"),
        ("better,worse,worse\na,b,c\n", "row 1: there are two columns 'worse'"),
        ("better,worse,split_a b\na,b,test\n", "row 1: the column 'split_a b' names no split"),
        ("better,worse\na,b,c\n", "row 2: 3 values for 2 columns"),
        ("better,worse\na,b\nc,c\n", "row 3: 'c' is compared with itself"),
        ("better,worse\na,\n", "row 2: it names one video; leave ties out"),
        ("better,worse\na,x\ny,b\n", "2 videos are not in .*: x, y; the first, 'x', is in row 2"),
        ("better,worse,split_1\na,b,tests\n", "row 2, column split_1: 'tests' is not train, val"),
    ],
)
def test_wrong_tables_are_refused(tmp_path: Path, text: str, problem: str) -> None:
    with pytest.raises(AqaError, match=problem):
        table(tmp_path, text)


def test_all_that_is_wrong_is_said_up_to_twenty_lines(tmp_path: Path) -> None:
    with pytest.raises(AqaError) as refused:
        table(tmp_path, "better,worse\n" + "a,a\n" * 30)
    lines = str(refused.value).splitlines()
    assert len(lines) == 21
    assert lines[-1].endswith("and 10 more problems")


def test_what_contradicts_itself_is_told() -> None:
    pairs = [Pair(*two) for two in ("ab", "bc", "ca", "cd", "de", "ed", "ab", "xy")]
    assert told_of_pairs(pairs) == [
        "repeated: 1 pairs stand in 2 rows, each of which counts",
        "contradictory: 1 pairs are seen both ways, such as d and e",
        "circles: 3 videos stand in circles, such as a > b > c > a",
    ]
    assert told_of_pairs([Pair(*two) for two in ("ab", "bc", "ac")]) == []


def test_circles_are_groups_of_videos() -> None:
    pairs = [Pair(*two) for two in ("ab", "ba", "bc", "cd", "dc", "ce", "ec", "fa")]
    assert circles(pairs) == [{"c", "d", "e"}, {"a", "b"}]
