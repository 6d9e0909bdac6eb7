"""UNLV-Dive: 370 dives from a 10 m platform, with the authors' split."""

from __future__ import annotations

from aqa.annotations.importing import Imported, Importer, Request
from aqa.annotations.importing.unlv_layout import (
    DIFFICULTIES,
    PUBLISHED_SPLIT,
    SCORES,
    VIDEOS,
    Collection,
    read_collection,
)


def read(request: Request) -> Imported:
    """Read the dives; execution is score / difficulty."""
    dives = Collection("diving", 370, 21.6, 102.6, (300, 70), lambda score, dd: score / dd)
    return read_collection(request, dives)


IMPORTER = Importer(
    read,
    citation="parmar2017",
    origin="http://rtis.oit.unlv.edu/datasets.html",
    files=(SCORES, DIFFICULTIES, *PUBLISHED_SPLIT),
    options={"videos": VIDEOS},
)
