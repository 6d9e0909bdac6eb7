"""Features and measurements that were computed elsewhere, in whatever files they came."""

from aqa.features.elsewhere.reading import read_features
from aqa.features.elsewhere.timing import RowTiming, cut

__all__ = ["RowTiming", "cut", "read_features"]
