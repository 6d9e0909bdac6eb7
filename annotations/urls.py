"""Addresses in a manifest: what is one, and how it is shown without what it keeps secret."""

from __future__ import annotations

import os
import re
import urllib.parse
from pathlib import Path

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_URL_IN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s'\"<>]+")
# Shorter parts of an address are too common in other words to be looked for there.
_SHORTEST_SECRET = 4


def is_url(text: object) -> bool:
    """Whether a text, such as `s3://dives/1.mp4`, is an address; paths are none."""
    return isinstance(text, str) and _URL.match(text) is not None


def scheme_of(url: str) -> str:
    """What an address begins with, in small letters: `https`."""
    return url.partition("://")[0].lower()


def why_not_read(url: str) -> str | None:
    """Why a video cannot be at such an address, as the end of a sentence; None where it can."""
    scheme = scheme_of(url)
    if scheme not in ("http", "https") and "::" in url:
        return "an address within another one (::), which is not read; name the file itself"
    if scheme == "file" and local_path(url) is None:
        return "a file of another machine; an address file:// has three slashes: file:///videos/1"
    return None


def local_path(url: str) -> Path | None:
    """The path that an address `file:///...` means; None for any other."""
    place = url.partition("://")[2]
    if scheme_of(url) != "file" or not place.removeprefix("localhost").startswith("/"):
        return None
    return Path(os.path.abspath(urllib.parse.unquote(place.removeprefix("localhost"))))


def shown_url(url: str) -> str:
    """An address without user, password and query, which may hold keys; on one line.

    >>> shown_url("https://me:secret@host.org/dives/1.mp4?signature=abc")
    'https://host.org/dives/1.mp4?...'
    """
    rest = _parted(url)[1]
    place, mark, _ = re.sub("[?#]", "?", rest).partition("?")
    text = f"{scheme_of(url)}://{place}{'?...' if mark else ''}"
    return "".join(c if c.isprintable() else "?" for c in text)


def without_secrets(text: str, url: str) -> str:
    """What somebody says of an address, on one line, without what the address keeps secret."""
    user, rest = _parted(url)
    query = re.split("[?#]", rest, maxsplit=1)[1:]
    values = [pair.partition("=")[2] or pair for part in query for pair in part.split("&")]
    secrets = [*user.split(":"), *values]
    secrets += [urllib.parse.unquote(one) for one in secrets]
    text = _URL_IN_TEXT.sub(lambda found: shown_url(found[0]), text.replace(url, shown_url(url)))
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, "...")
    return " ".join(text.split())


def _parted(url: str) -> tuple[str, str]:
    """User and password of an address, and what comes behind them and the scheme."""
    rest = url.partition("://")[2]
    host = re.split("[/?#]", rest, maxsplit=1)[0]
    if "@" in host:
        user = host.rpartition("@")[0]
    elif re.search(r"^[^\[].*:(?!\d*$)", host):  # no port: a key, in which slashes may be
        user = rest.rpartition("@")[0]
    else:
        return "", rest
    return user, rest[len(user) :].removeprefix("@")
