"""Names of splits and of their families: those that were drawn alike.

Results are averaged over a family. It is told by its splits' names: `1` to `5`, `fold0` to `fold3`
and `jain2020-diving-1` to `-10` by what stands before the number, leave-one-out splits such as
`louo-B` by what stands before the label that is left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from aqa.errors import UnknownNameError

# The family of splits whose names are numbers alone.
NUMBERED = "numbered"
# louo, loso, loocv, leave-one-out, ..., also behind the name of a task, as in suturing-louo; and
# parmar2019action's, which leaves one action out.
_LEFT_OUT = re.compile(
    r"((?:.+[-_.])?(?:lo[a-z]{0,2}o|leave-one-[a-z]+(?:-out)?)|aqa-7-zero-shot)[-_.].+"
)
_COUNTED = re.compile(r"(.*?)[-_.]?[0-9]+")
# Training sets of several sizes with the same test videos: not draws of one kind.
_SIZES = "size"


def split_family(name: str) -> str:
    """The family of a split, by its name; a split of no family is its own."""
    for rule in (_LEFT_OUT, _COUNTED):
        if match := rule.fullmatch(name):
            family = match.group(1) or NUMBERED
            return name if family == _SIZES else family
    return name


def chosen_names(
    asked: Sequence[str], known: Sequence[str], kind: str = "split", remedy: str = ""
) -> list[str]:
    """The splits that names of splits and of families mean, in the order of `known`; none: all.

    A split goes before a family of its name. `UnknownNameError` for a name that is neither.
    """
    chosen: set[str] = set()
    for name in asked:
        splits = [name] if name in known else [one for one in known if split_family(one) == name]
        if not splits:
            families = [family for family in map(split_family, known) if family not in known]
            raise UnknownNameError(kind, name, [*known, *dict.fromkeys(families)], remedy)
        chosen.update(splits)
    return [name for name in known if name in chosen or not asked]
