"""The feature store: clip features of videos in one HDF5 file. `format.py` describes the file."""

from aqa.features.store.cover import add_checksums
from aqa.features.store.from_arrays import import_arrays
from aqa.features.store.merge import merge_stores
from aqa.features.store.reader import FeatureStore
from aqa.features.store.spec import (
    Spec,
    StoreError,
    augmentations_of,
    check_spec,
    made_up,
    spec_differences,
)
from aqa.features.store.writer import FeatureStoreWriter

__all__ = [
    "FeatureStore",
    "FeatureStoreWriter",
    "Spec",
    "StoreError",
    "add_checksums",
    "augmentations_of",
    "check_spec",
    "import_arrays",
    "made_up",
    "merge_stores",
    "spec_differences",
]
