"""Packs: fitted heads in one file that can be handed on, and opened without their workspace."""

from aqa.workflows.pack.layout import PackError
from aqa.workflows.pack.opening import OpenedPack, open_pack
from aqa.workflows.pack.packing import pack_runs

__all__ = ["OpenedPack", "PackError", "open_pack", "pack_runs"]
