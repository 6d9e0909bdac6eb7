"""The house of heads: a file here is a head, and heads stand on few classes."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import pytest
from torch import nn

import aqa.models.heads as heads
from aqa.models.heads import get_head, own_names


def test_a_file_is_a_head_and_nothing_else_is() -> None:
    folder = Path(heads.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert {name.replace("-", "_") for name in own_names()} == files
    for stem in files:
        module = importlib.import_module(f"aqa.models.heads.{stem}")
        assert module.HEAD.__module__ == module.__name__
    for module in pkgutil.iter_modules([str(folder / "base")]):
        found = importlib.import_module(f"aqa.models.heads.base.{module.name}")
        assert not hasattr(found, "HEAD")


@pytest.mark.parametrize("name", own_names())
def test_a_head_stands_on_few_classes(name: str) -> None:
    """At most four of ours, itself among them; and it is no network itself."""
    kind = get_head(name)
    ours = [one.__name__ for one in kind.__mro__ if one.__module__.startswith("aqa.")]
    assert len(ours) <= 4, ours
    assert not issubclass(kind, nn.Module)


def test_what_a_head_is_written_with_comes_from_one_place() -> None:
    for name in heads.__all__:
        assert getattr(heads, name).__module__.startswith("aqa."), name
    with pytest.raises(AttributeError, match="no attribute 'Heads'"):
        _ = heads.Heads
