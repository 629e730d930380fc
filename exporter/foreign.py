"""Text that others have written, made fit for one line of a log or a message."""

from __future__ import annotations


def one_line(text: str) -> str:
    """Return the text on one line, without control characters and with single spaces."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def cut(text: str, longest: int) -> str:
    """Return the text, cut with an ellipsis to ``longest`` characters."""
    return text if len(text) <= longest else text[: longest - 1] + "…"
