from __future__ import annotations

from pathlib import Path

import pytest

from aqa.annotations.chosen_splits import chosen_splits
from aqa.annotations.manifest import Manifest, Video
from aqa.errors import AqaError, UnknownNameError


def manifest(*names: str) -> Manifest:
    videos = [
        Video(f"v{k}", None, float(k), splits=dict.fromkeys(names, ("train", "test")[k % 2]))
        for k in range(4)
    ]
    return Manifest(videos, Path("m.csv"))


def test_splits_by_their_names_or_their_families() -> None:
    table = manifest("fold0", "louo-B", "louo-C")
    assert [split.name for split in chosen_splits(table)] == ["fold0", "louo-B", "louo-C"]
    left_out, other = chosen_splits(table, ["louo"])
    assert (left_out.name, other.test) == ("louo-B", ("v1", "v3"))
    with pytest.raises(UnknownNameError, match=r"a split is a column split_<name> of m\.csv"):
        chosen_splits(table, ["lou"])


def test_all_is_every_video_beside_the_others() -> None:
    (one,) = chosen_splits(manifest(), ["all"])
    assert (one.name, one.train, one.test) == ("all", ("v0", "v1", "v2", "v3"), ())
    assert [s.name for s in chosen_splits(manifest("1"), ["1", "all"])] == ["1", "all"]
    assert chosen_splits(manifest("all"), ["all"])[0].test == ("v1", "v3")
    with pytest.raises(AqaError, match="no split to fit"):
        chosen_splits(manifest())
