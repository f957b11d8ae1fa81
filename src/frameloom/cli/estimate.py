"""`frameloom estimate`: the duration and the cost of a job in AWS, before it starts."""

from typing import Annotated

import typer

from frameloom.cli import options
from frameloom.cli.help_format import examples
from frameloom.cli.output import answering

EXAMPLES = examples(
    "frameloom estimate --frames 1-250 --seconds 40",
    "frameloom estimate --frames 1-10000 --seconds 2m --workers 100",
    "frameloom estimate --frames 1-250 --seconds 40 --json",
)


def estimate(
    *,
    frames: Annotated[
        str,
        typer.Option(
            metavar="EXPR", help="Frames such as 7, 1-10, 1-10:2 or 1-10:2,15.", rich_help_panel=options.FRAMES
        ),
    ],
    seconds: Annotated[
        str,
        typer.Option(
            metavar="TIME",
            help="Render time of a frame on one worker, such as 40, 90s or 2m.",
            rich_help_panel=options.FRAMES,
        ),
    ],
    workers: Annotated[
        str, typer.Option(metavar="N", help="The size of the fleet.", rich_help_panel=options.FARM)
    ] = "10",
    json: options.Json = False,
) -> None:
    """Estimate the duration and the cost of a job in AWS.

    Requires neither an account nor a network. The estimate covers a successful job with a film, on workers of four
    cores in us-east-1, of which no frame was rendered before. Prices are on demand and on spot, without tax and
    discounts. It names each quota that the job would exceed. docs/scale.md lists the assumptions.
    """
    with answering(json=json):
        from frameloom.cli.estimate_view import run  # noqa: PLC0415

        run(frames=frames, seconds=seconds, workers=workers, json=json)
