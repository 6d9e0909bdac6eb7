"""The heads that can be trained together with a backbone: those that declare an adapter."""

from __future__ import annotations

from collections.abc import Sequence

from aqa.errors import HeadUsageError
from aqa.models.heads import find_head, get_head, own_names
from aqa.models.heads.base import Head
from aqa.models.heads.base.end_to_end import EndToEndAdapter
from aqa.models.heads.base.network import NetworkHead
from aqa.models.heads.base.source import HeadSource
from aqa.models.target_transforms import parse_head_params, transformed


def trainable_heads() -> list[str]:
    """Our heads that can be trained end to end; imports them all, so only an error asks for it."""
    return [name for name in own_names() if get_head(name).end_to_end is not None]


def trainable_head(text: str) -> HeadSource:
    """The head of this name or file; `HeadError` where it cannot be trained end to end."""
    source = find_head(text)
    if source.head_class.end_to_end is None:
        raise HeadUsageError(
            f"{text} cannot be trained end to end; those that can: {', '.join(trainable_heads())}"
        )
    return source


def check_asked(text: str, params: Sequence[str]) -> None:
    """Raise `HeadUsageError` for a head, or hyper-parameters, that no training end to end takes.

    Before a backbone is read, which may have to be downloaded.
    """
    source = trainable_head(text)
    head = transformed(source.head_class, parse_head_params(source.name, source.head_class, params))
    if isinstance(head, NetworkHead):
        head.check_params()


def adapter_of(head: Head) -> EndToEndAdapter:
    """The head as fine-tuning sees it."""
    assert head.end_to_end is not None
    adapter: EndToEndAdapter = head.end_to_end(head)
    return adapter
