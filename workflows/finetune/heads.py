"""The heads that can be trained together with a backbone: those that declare an adapter."""

from __future__ import annotations

from aqa.errors import HeadError
from aqa.models.heads import find_head, get_head, own_names
from aqa.models.heads.base import Head
from aqa.models.heads.base.end_to_end import EndToEndAdapter
from aqa.models.heads.base.source import HeadSource


def trainable_heads() -> list[str]:
    """Our heads that can be trained end to end; imports them all, so only an error asks for it."""
    return [name for name in own_names() if get_head(name).end_to_end is not None]


def trainable_head(text: str) -> HeadSource:
    """The head of this name or file; `HeadError` where it cannot be trained end to end."""
    source = find_head(text)
    if source.head_class.end_to_end is None:
        raise HeadError(
            f"{text} cannot be trained end to end; those that can: {', '.join(trainable_heads())}"
        )
    return source


def adapter_of(head: Head) -> EndToEndAdapter:
    """The head as fine-tuning sees it."""
    assert head.end_to_end is not None
    adapter: EndToEndAdapter = head.end_to_end(head)
    return adapter
