"""The contracts of heads, backbones and importers: ours keep them, and yours can."""

from __future__ import annotations

import importlib
from typing import Any

_EXPORTS = {
    "check_backbone": "aqa.testing.backbones",
    "check_head": "aqa.testing.heads",
    "check_importer": "aqa.testing.importers",
}

__all__ = ["check_backbone", "check_head", "check_importer"]


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_EXPORTS[name]), name)
