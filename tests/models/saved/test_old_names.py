"""Saved runs keep the names of their time; on the command line an old name says the new one."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from aqa.errors import HeadError, UnknownNameError
from aqa.models.heads import get_head, own_names
from aqa.models.saved.old_names import (
    ADDED,
    ARRAYS,
    HEADS,
    PARAMS,
    present_head,
    present_params,
    present_state,
)
from aqa.models.target_transforms import parse_head_params


def test_every_new_name_is_one() -> None:
    assert set(HEADS.values()) | set(PARAMS) | set(ARRAYS) | set(ADDED) <= set(own_names())
    for head, renamed in PARAMS.items():
        fields = {field.name for field in dataclasses.fields(get_head(head))}
        assert set(renamed.values()) <= fields
        assert not set(renamed) & fields
    for head, added in ADDED.items():
        assert set(added) <= {field.name for field in dataclasses.fields(get_head(head))}
    for head, renamed in ARRAYS.items():
        assert {f"{name}_" for name in renamed.values()} <= set(get_head(head).fitted)


def test_names_of_a_saved_run() -> None:
    head = present_head("score")
    assert head == "score-estimation"
    assert present_head("lstm") == "lstm"
    saved = {"bias": "worst", "references": 2, "epochs": 3}
    before = {"self_rows": True, "sampling": "every", "difference_weight": 0.0}
    before |= {"score_networks": 0, "max_steps": None}
    renamed = {"exemplar": "worst", "exemplars": 2, "epochs": 3}
    assert present_params(head, saved) == before | renamed
    assert present_params("svr", {"bias": 1}) == {"bias": 1}
    assert present_params("musdl", {"bins": 9}) == {"bins": 9, "networks": "shared"}
    assert present_params("core", {"depth": 5}) == {"depth": 6, "tree": "levels"}
    new = {"depth": 5, "tree": "nodes"}
    assert present_params("core", new) == new
    assert present_params("musdl", {"networks": "own"}) == {"networks": "own"}
    array = np.arange(3)
    state = present_state(head, {"head.head.ref_ids": array, "net.last.bias": array})
    assert list(state) == ["head.head.exemplar_ids", "net.last.bias"]


@pytest.mark.parametrize(
    ("head", "text", "new"),
    [
        ("score-estimation", "bias=best", "exemplar"),
        ("siamese", "clips=true", "learn_clips"),
        ("pose-dct", "head=0", "root_joint"),
        ("gdlt", "heads=2", "attention_heads"),
    ],
)
def test_an_old_parameter_says_the_new_one(head: str, text: str, new: str) -> None:
    with pytest.raises(HeadError, match=f"no parameter .*; it is now called '{new}'"):
        parse_head_params(head, get_head(head), [text])


def test_an_old_head_says_the_new_one() -> None:
    with pytest.raises(UnknownNameError, match="it is now called 'score-estimation'"):
        get_head("score")


def test_a_hyper_parameter_that_a_head_has_no_longer_is_left_out() -> None:
    assert present_params("rica2", {"spread_folds": 3, "samples": 20}) == {"samples": 20}
    assert present_params("svr", {"spread_folds": 3}) == {"spread_folds": 3}
