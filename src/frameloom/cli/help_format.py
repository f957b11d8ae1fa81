"""Plain help whose options are grouped in sections."""

from itertools import groupby
from typing import Any

from typer import BadParameter
from typer.core import TyperCommand

from frameloom.cli.option_names import typing

OTHER = "Options"


def examples(*lines: str) -> str:
    """Return an epilog of example commands; its first character keeps their line breaks."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


def section_of(parameter: Any) -> str:
    """Return the heading of an option; options name it as typer's `rich_help_panel`."""
    return getattr(parameter, "rich_help_panel", None) or OTHER


class SectionedCommand(TyperCommand):
    """A command whose help lists its options under the headings that they name."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read a command's arguments; refuse a switch together with its opposite, since the last would silently win."""
        for each in self.get_params(ctx):
            on, off = (set(names).intersection(args) for names in (each.opts, each.secondary_opts))
            if on and off:
                raise BadParameter(f"cannot be combined with {off.pop()}.", ctx=ctx, param_hint=on.pop())
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; its errors name options instead of fields and arguments."""
        options = {name: not getattr(each, "is_flag", False) for each in self.get_params(ctx) for name in each.opts}
        with typing(options, ctx.params.get("settings") or ()):
            return super().invoke(ctx)

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments, then each section in the order in which the options first name it."""
        parameters = self.get_params(ctx)
        sections = list(dict.fromkeys(map(section_of, parameters)))
        arguments = [record for each in parameters if _is_argument(each) and (record := each.get_help_record(ctx))]
        if arguments:
            with formatter.section("Arguments"):
                formatter.write_dl(arguments)
        options = sorted(
            (each for each in parameters if not _is_argument(each)),
            key=lambda each: (section_of(each) == OTHER, sections.index(section_of(each))),
        )
        for section, members in groupby(options, key=section_of):
            records = [record for each in members if (record := each.get_help_record(ctx))]
            if records:
                with formatter.section(section):
                    formatter.write_dl(records)


def _is_argument(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "argument")
