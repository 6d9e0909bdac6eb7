"""The contracts of heads and backbones: what those of this package pass, and yours can too."""

from __future__ import annotations

import importlib
from typing import Any

_EXPORTS = {"check_backbone": "aqa.testing.backbones", "check_head": "aqa.testing.heads"}

__all__ = ["check_backbone", "check_head"]


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_EXPORTS[name]), name)
