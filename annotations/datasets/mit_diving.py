"""MIT-Diving: 159 dives, without a published split.

The files are expected in the layout of UNLV-Dive, which extends this dataset. The layout of MIT's
own release could not be checked; files in another layout come in with `aqa import csv`.
`aqa split mit-diving` draws its 200 splits.
"""

from __future__ import annotations

from aqa.annotations.importing import Imported, Importer, Request
from aqa.annotations.importing.unlv_layout import (
    DIFFICULTIES,
    SCORES,
    VIDEOS,
    Collection,
    read_collection,
)


def read(request: Request) -> Imported:
    """Read the dives; execution is score / difficulty."""
    dives = Collection("diving", 159, 21.6, 100.0, None, lambda score, dd: score / dd)
    return read_collection(request, dives)


IMPORTER = Importer(
    read,
    citation="pirsiavash2014",
    origin="https://people.csail.mit.edu/hpirsiav/quality.html",
    files=(SCORES, DIFFICULTIES),
    options={"videos": VIDEOS},
    counts={"videos": 159},
    videos="from the same page; size not known",
    tried="no real file: none was at hand; written for the layout of UNLV-Dive",
)
