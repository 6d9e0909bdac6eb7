"""Scores of our club: lines of `name points type`, beside a folder of videos of these names.

Every fourth video is tested, the others train; the split is called `club`.
"""

from aqa.annotations.importing import Imported, Importer, Request, SourceFile, VideoFolder
from aqa.errors import AqaError


def read(request: Request) -> Imported:
    """Read scores.txt; raises `AqaError` with the number of a line that is wrong."""
    source, videos = request.find("*.txt"), VideoFolder(request.videos)
    rows = []
    for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            name, points, kind = line.split()
            score = float(points)
        except ValueError:
            raise AqaError(f"{source}: line {number} is not `name points type`: {line}") from None
        rows.append(
            {
                "video_id": name,
                "path": videos.find(name),
                "score": score,
                "type": kind,
                "split_club": "test" if number % 4 == 0 else "train",
            }
        )
    return Imported(rows, source)


IMPORTER = Importer(
    read,
    citation="The club's own marks",
    origin="the club's office; nothing is published",
    files=(SourceFile("scores.txt", "one line per video: name, points, type"),),
    options={"videos": "the folder of the club's videos"},
)
