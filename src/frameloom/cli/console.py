"""A rich console that escapes foreign text."""

from collections.abc import Iterable, Iterator
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from frameloom.cli.terminal import plain


def make_console(*, stderr: bool = False) -> "PlainConsole":
    """Return a console for stdout or stderr."""
    return PlainConsole(stderr=stderr)


class PlainConsole(Console):
    """A console that escapes all text with `plain` and keeps rich's own styles and cursor movements.

    Text is not parsed as markup: `[red]` and `:smile:` in a name are printed as they are.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, markup=False, emoji=False, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Yield the segments of a renderable."""
        return self._plain(super().render(renderable, options))

    @staticmethod
    def _plain(segments: Iterable[Segment]) -> Iterator[Segment]:
        for segment in segments:
            text, style, control = segment
            # Rich breaks lines with its own line feeds.
            yield segment if control else Segment("\n".join(map(plain, text.split("\n"))), style)
