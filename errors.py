"""Errors that are the input's fault: one line that names the file, the value and the remedy."""

from __future__ import annotations

import difflib
import errno
from collections.abc import Iterable, Sequence
from typing import Any

# What the system answers where this user may not read or write.
FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}


class AqaError(Exception):
    """Bad input. The command line prints the message and exits with 1, without a traceback."""

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy for another process: as it is, whatever its constructor takes."""
        return _as_it_was, (type(self), self.args, vars(self))


class HeadError(AqaError, ValueError):
    """Data or parameters that a head cannot be fitted with, or cannot answer for."""


class WrongUsageError(AqaError):
    """What was typed cannot be, whatever the data: an option, a name, a value, or two together.

    The command line exits with 2.
    """


class HeadUsageError(HeadError, WrongUsageError):
    """A hyper-parameter, or its value, that a head cannot have, or what a head cannot be asked."""


class RunError(AqaError):
    """A run that cannot be read, or that does not fit the data it is used on."""


class ChangedError(RunError):
    """A run whose model file, or whose training data, are not what they were when it was fitted."""


class EndingError(WrongUsageError):
    """A file that is to be written, by a name with an ending that nothing is written as."""


class AqaWarning(UserWarning):
    """A result that stands but means less than it seems; the command line prints the message."""


class UnknownNameError(WrongUsageError, KeyError):
    """A name that is not among those that exist; says which do, and which was probably meant."""

    def __init__(self, kind: str, name: str, known: Iterable[str], remedy: str = ""):
        super().__init__(
            f"unknown {kind} {name!r}; {did_you_mean(name, list(known))}"
            + (f"; {remedy}" if remedy else "")
        )

    def __str__(self) -> str:  # KeyError's own shows the repr of the message
        return str(self.args[0])


def _as_it_was(kind: type[AqaError], args: tuple[Any, ...], attributes: dict[str, Any]) -> AqaError:
    """An error with these arguments and attributes; its constructor, which made them, is not run.

    Python's own way calls the constructor with the finished message, for which it may have no use.
    """
    error = kind.__new__(kind, *args)
    error.args = args
    vars(error).update(attributes)
    return error


def portable(error: AqaError) -> AqaError:
    """An error for another process; where it is of a class of a user's file, a plain one instead.

    That file need not be there, or be run there.
    """
    return error if type(error).__module__.startswith("aqa.") else AqaError(str(error))


def first_line(error: BaseException) -> str:
    """The first line of what an error says, for a message of one line."""
    return str(error).strip().partition("\n")[0]


def listed(items: Iterable[object], limit: int = 5) -> str:
    """The first of them, and how many there are beside those.

    >>> listed("abcdefgh")
    'a, b, c, d, e and 3 more'
    """
    texts = [str(item) for item in items]
    more = f" and {len(texts) - limit} more" if len(texts) > limit else ""
    return ", ".join(texts[:limit]) + more


def told_together(lines: Iterable[str], limit: int = 2) -> list[str]:
    """Lines of a name and what is wrong with it: those that say the same of several, as one.

    >>> told_together(["runs/a: damaged", "runs/b: damaged", "runs/c: damaged", "runs/d: old"])
    ['runs/a, runs/b and 1 more: damaged', 'runs/d: old']
    """
    named: dict[str, list[str]] = {}
    for line in dict.fromkeys(lines):
        name, colon, said = line.partition(": ")
        named.setdefault(colon + said or line, []).append(name)
    return [said if said in names else listed(names, limit) + said for said, names in named.items()]


def did_you_mean(name: str, known: Sequence[str], limit: int = 12) -> str:
    """Say which names exist, the likely one first.

    >>> did_you_mean("svn", ["lstm", "svr"])
    "did you mean 'svr'? known: lstm, svr"
    """
    if not known:
        return "there are none"
    close = difflib.get_close_matches(name, known, n=1)
    close = close or [one for one in known if name and one.startswith(name)]
    return (f"did you mean {close[0]!r}? " if close else "") + f"known: {listed(known, limit)}"
