"""UNLV-Dive (Parmar and Morris 2017): 370 dives from a 10 m platform, published split 300/70.

SOURCE: the folder of diving_overall_scores.mat, diving_difficulty_level.mat and split_300_70 (or
training_idx.mat and testing_idx.mat). --videos: the folder of 001.avi, 002.avi, ...
"""

from __future__ import annotations

from aqa.annotations.datasets.base import Imported, Importer, Request
from aqa.annotations.datasets.unlv import Collection, read_collection


def read(request: Request) -> Imported:
    """Read the dives; execution is score / difficulty."""
    dives = Collection("diving", 370, 21.6, 102.6, (300, 70), lambda score, dd: score / dd)
    return read_collection(request, dives)


IMPORTER = Importer(read)
