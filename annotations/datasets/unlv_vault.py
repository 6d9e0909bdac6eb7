"""UNLV-Vault (Parmar and Morris 2017): 176 gymnastic vaults, published split 120/56.

SOURCE: the folder of gym_vault_overall_scores.mat, the difficulties (a *difficulty*.mat with
difficulty_level) where there are any, and training_idx.mat and testing_idx.mat, there or in a
folder split_*. --videos: the folder of 001.avi, 002.avi, ...
"""

from __future__ import annotations

from aqa.annotations.datasets.base import Imported, Importer, Request
from aqa.annotations.datasets.unlv import Collection, read_collection


def read(request: Request) -> Imported:
    """Read the vaults; execution is score - difficulty (li2018scoringnet, errata E15)."""
    vaults = Collection("gym_vault", 176, 12.3, 16.87, (120, 56), lambda score, d: score - d)
    return read_collection(request, vaults)


IMPORTER = Importer(read)
