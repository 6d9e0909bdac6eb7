"""UNLV-Vault: 176 gymnastic vaults, with the authors' split."""

from __future__ import annotations

from aqa.annotations.importing import Imported, Importer, Request
from aqa.annotations.importing.unlv_layout import (
    ADDRESS,
    DIFFICULTIES,
    PUBLISHED_SPLIT,
    SCORES,
    VIDEOS,
    Collection,
    read_collection,
)


def read(request: Request) -> Imported:
    """Read the vaults; execution is score - difficulty (li2018scoringnet, errata E15).

    The files do not say which vaults are tucked, as 138 are that jain2020 takes.
    """
    vaults = Collection("gym_vault", 176, 12.3, 16.87, (120, 56), lambda score, d: score - d)
    return read_collection(request, vaults)


IMPORTER = Importer(
    read,
    citation="parmar2017",
    origin=ADDRESS,
    files=(SCORES, DIFFICULTIES, *PUBLISHED_SPLIT),
    options={"videos": VIDEOS},
    counts={"videos": 176, "train": 120, "test": 56},
    videos="from the same page; size not known",
    tried="no real file: none was at hand; written from UNLV-Dive's, which share the layout",
)
