"""Families of splits, by the splits' names."""

from __future__ import annotations

import pytest

from aqa.errors import UnknownNameError
from aqa.split_names import chosen_names, split_family


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("1", "numbered"),
        ("10", "numbered"),
        ("fold0", "fold"),
        ("fold_3", "fold"),
        ("jain2020-diving-10", "jain2020-diving"),
        ("louo-B", "louo"),
        ("louo-B001", "louo"),
        ("louo-3", "louo"),
        ("loso-suturing", "loso"),
        ("suturing-louo-B", "suturing-louo"),
        ("knot_tying-fold-1", "knot_tying-fold"),
        ("leave-one-out-diving", "leave-one-out"),
        ("aqa-7-zero-shot-gym_vault", "aqa-7-zero-shot"),
        ("published", "published"),
        ("published-val", "published-val"),
        ("all", "all"),
        ("long-take", "long-take"),
        ("size-800", "size-800"),  # training sets of several sizes are not draws of one kind
    ],
)
def test_the_family_of_a_split(name: str, family: str) -> None:
    assert split_family(name) == family


KNOWN = ["published", "fold0", "fold1", "louo-B", "louo-C", "1", "2"]


@pytest.mark.parametrize(
    ("asked", "chosen"),
    [
        ((), KNOWN),
        (("louo",), ["louo-B", "louo-C"]),
        (("2", "fold"), ["fold0", "fold1", "2"]),
        (("numbered",), ["1", "2"]),
        (("louo", "louo-B"), ["louo-B", "louo-C"]),
        (("published",), ["published"]),
    ],
)
def test_a_name_means_a_split_or_a_family(asked: tuple[str, ...], chosen: list[str]) -> None:
    assert chosen_names(asked, KNOWN) == chosen


def test_a_split_goes_before_a_family_of_its_name() -> None:
    assert chosen_names(["fold"], ["fold", "fold0", "fold1"]) == ["fold"]


def test_an_unknown_name_is_told_splits_and_families() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'louo'") as error:
        chosen_names(["luo"], KNOWN)
    assert "fold0" in str(error.value)
