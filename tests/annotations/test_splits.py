from __future__ import annotations

import pytest

from aqa.annotations.splits import Split, shared_labels
from aqa.errors import AqaError


def test_a_video_cannot_be_in_two_parts() -> None:
    with pytest.raises(AqaError, match=r"'v1' is in train and in test"):
        Split("1", train=("v1", "v2"), test=("v1",))


def test_shared_labels_are_counted() -> None:
    split = Split("1", train=("v1", "v2"), val=("v3",), test=("v4", "v5", "v6"))
    who = {"v1": "ann", "v2": "bob", "v3": "cy", "v4": "ann", "v5": None, "v6": "cy"}
    assert shared_labels(split, who) == ({"ann", "cy"}, ("v4", "v6"))
    assert shared_labels(split, {**who, "v2": None, "v4": "dot", "v6": "eve"}) == (set(), ())
