"""MIT-Diving (Pirsiavash et al. 2014): 159 dives, without a published split.

SOURCE: a folder with *overall_scores.mat (overall_scores) and, where there is one, a
*difficulty*.mat (difficulty_level). That is the layout of UNLV-Dive, which extends this dataset;
the layout of MIT's own release could not be checked: anything else comes in with `aqa import csv`.
--videos: the folder of 001.avi, 002.avi, ... `aqa split mit-diving` draws its 200 splits.
"""

from __future__ import annotations

from aqa.annotations.datasets.base import Imported, Importer, Request
from aqa.annotations.datasets.unlv import Collection, read_collection


def read(request: Request) -> Imported:
    """Read the dives; execution is score / difficulty."""
    dives = Collection("diving", 159, 21.6, 100.0, None, lambda score, dd: score / dd)
    return read_collection(request, dives)


IMPORTER = Importer(read)
