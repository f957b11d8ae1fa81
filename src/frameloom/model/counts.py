"""Formats counts for people."""


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is one: `1 frame`, `1,000 frames`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
