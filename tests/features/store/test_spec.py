"""The spec of a store: what differs between two, and what is wrong with one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aqa.features.store.spec import (
    StoreError,
    augmentations_of,
    check_spec,
    spec_differences,
    spec_problems,
)

SPEC: dict[str, Any] = {
    "backbone": "c3d",
    "weights": {"name": "w", "sha256": "00", "path": "p", "fitted_on": ["a"], "seed": 3},
    "layer": "fc6",
    "shape": [4096],
    "dtype": "float32",
    "precision": "float32",
    "clip_length": 16,
    "stride": 16,
    "frames": None,
    "padding": "front",
    "tail": "shift",
    "preprocess": {"resize": [128, 171]},
    "views": ["original", "flip"],
    "view_seed": 0,
    "origin": {"source": "net.py", "name": "make", "sha256": "11"},
}


def with_value(name: str, value: object) -> dict[str, Any]:
    owner, _, key = name.rpartition(".")
    return SPEC | ({owner: SPEC[owner] | {key: value}} if owner else {key: value})


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("stride", 8, "stride is 16, not 8"),
        ("frames", 96, "frames is null, not 96"),
        ("weights.sha256", "22", 'weights.sha256 is "00", not "22"'),
        ("preprocess.resize", [112, 112], "preprocess.resize is [128, 171], not [112, 112]"),
        ("more", True, "more is null, not true"),
        ("origin.sha256", "22", 'origin.sha256 is "11", not "22"'),
        ("origin.source", "x.py", 'origin.source is "net.py", not "x.py"'),
    ],
)
def test_each_difference_is_told(name: str, value: object, line: str) -> None:
    assert spec_differences(SPEC, with_value(name, value)) == [line]
    with pytest.raises(StoreError, match=r"s\.h5 was made with other settings: "):
        check_spec(Path("s.h5"), SPEC, with_value(name, value))


@pytest.mark.parametrize(
    "name", ["weights.name", "weights.path", "weights.fitted_on", "origin.name"]
)
def test_names_of_the_same_may_differ(name: str) -> None:
    check_spec(Path("s.h5"), SPEC, with_value(name, "another"))


def test_a_tuple_is_a_list() -> None:
    assert spec_differences(SPEC, SPEC | {"shape": (4096,)}) == []


def test_the_original_is_what_a_store_without_augmentations_holds() -> None:
    assert augmentations_of(SPEC) == ("original", "flip")
    assert augmentations_of({}) == ("original",)


def test_nothing_is_wrong_with_a_sound_spec() -> None:
    assert spec_problems(SPEC) == []
    unknown = dict.fromkeys(SPEC, None) | {k: SPEC[k] for k in ("shape", "dtype", "weights")}
    assert spec_problems(unknown | {"backbone": "x", "views": ["original"]}) == []
    assert spec_problems({k: SPEC[k] for k in ("shape", "dtype", "weights")}) == []


@pytest.mark.parametrize("name", ["shape", "dtype", "weights"])
def test_what_no_reader_does_without(name: str) -> None:
    assert spec_problems({k: v for k, v in SPEC.items() if k != name}) == [f"{name} is missing"]


@pytest.mark.parametrize("spec", [None, [], "x", 3])
def test_what_is_no_spec(spec: object) -> None:
    assert spec_problems(spec) == ["it is no JSON object"]


@pytest.mark.parametrize(
    ("name", "fitting", "wrong"),
    [
        ("backbone", ["x", ""], [None, 3, "a\0b"]),
        ("layer", ["x", None], [3, ["x"]]),
        ("weights", [{}], [None, [], "w"]),
        ("weights.name", [None, "x"], [3, {}]),
        ("weights.sha256", [None, "x"], [3, []]),
        ("weights.path", [None, "x"], [3]),
        ("weights.seed", [None, 0, -1], [1.5, True, "0"]),
        ("weights.fitted_on", [None, [], ["a", "b"]], ["a", [3], [["a"]]]),
        ("shape", [[1], [2, 3], [1] * 8], [[], [1] * 9, [0], [-1], [2.0], [True], 4, None]),
        ("shape", [[2**31 - 1]], [[2**31], [2**16, 2**15]]),
        ("dtype", ["float16", "float32"], ["float64", None, 16]),
        ("clip_length", [None, 1, 4096], [0, 4097, 1.0, "16"]),
        ("stride", [None, 1, 2**31 - 1], [0, -1, 2**31, True]),
        ("frames", [None, 1], [0, "96"]),
        ("padding", [None, "back"], [0]),
        ("tail", [None, "pad"], [0]),
        ("preprocess", [None, {}], [[], "x"]),
        ("precision", [None, "x"], [32]),
        ("views", [["original"]], [[], None, "original", [1]]),
        ("view_seed", [None, 5], ["5", False]),
        ("origin", [None], [[], {}, {"source": "x"}, {"name": "x"}, {"source": 1, "name": "x"}]),
        ("joints", [None, ["hip"]], ["hip", [1]]),
    ],
)
def test_keys_are_of_their_types(name: str, fitting: list, wrong: list) -> None:
    for value in fitting:
        assert spec_problems(with_value(name, value)) == []
    for value in wrong:
        (problem,) = spec_problems(with_value(name, value))
        assert problem.startswith(f"{name} is ")
