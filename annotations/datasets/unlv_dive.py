"""UNLV-Dive: 370 dives from a 10 m platform, with the authors' split."""

from __future__ import annotations

from dataclasses import replace

from aqa.annotations.importing import Imported, Importer, Request, Version
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
    """Read the dives; execution is score / difficulty."""
    dives = Collection(
        "diving", 370, 21.6, 102.6, (300, 70), lambda score, dd: score / dd, key="unlv-dive"
    )
    return read_collection(request, dives)


# Size and checksum of the authors' lists of this dataset.
_VERSIONS = (
    Version(655, "25be14d506ca741727211f4375c2263af3de41c733ac09dd16e654ba60b41606"),
    Version(327, "abe32e695f5b1ae6afbccfc2234ebbfdc74c637cc39fa54a2610993c8a095cd0"),
)

IMPORTER = Importer(
    read,
    citation="parmar2017",
    origin=ADDRESS,
    files=(
        SCORES,
        DIFFICULTIES,
        *(
            replace(file, versions=(version,))
            for file, version in zip(PUBLISHED_SPLIT, _VERSIONS, strict=True)
        ),
    ),
    options={"videos": VIDEOS},
    counts={"videos": 370, "train": 300, "test": 70},
    videos="from the same page; size not known",
    tried="the authors' split; their files of scores and difficulties were not at hand",
)
