"""What importers are made of: their record, what they are asked for, files, checks, the writing.

An importer of your own is a file with a function `read(request) -> Imported` and
`IMPORTER = Importer(read, ...)`; `aqa import path/to/file.py SOURCE` runs it, and
`aqa.testing.check_importer` checks it.
"""

from aqa.annotations.importing.checks import expect_count, expect_range
from aqa.annotations.importing.importer import (
    PUBLISHED,
    Imported,
    Importer,
    Request,
    Row,
    SourceFile,
    Version,
)
from aqa.annotations.importing.video_folder import VideoFolder

__all__ = [
    "PUBLISHED",
    "Imported",
    "Importer",
    "Request",
    "Row",
    "SourceFile",
    "Version",
    "VideoFolder",
    "expect_count",
    "expect_range",
]
