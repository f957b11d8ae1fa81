"""`frameloom check`: what a farm would say of a scene, before anything is uploaded."""

from pathlib import Path
from typing import Annotated

import typer

from frameloom.cli import options
from frameloom.cli.help_format import examples
from frameloom.cli.output import answering

EXAMPLES = examples(
    "frameloom check shot.blend",
    "frameloom check shot.blend --blender 4.5",
    "frameloom check shot.blend --json",
)


def check(
    scene: Annotated[Path, typer.Argument(metavar="SCENE.blend", help="The scene.")],
    *,
    blender: Annotated[
        str | None,
        typer.Option(
            metavar="VERSION",
            help="The Blender that is to render it, such as 4.5.  [default: the one that is installed here]",
            rich_help_panel=options.FARM,
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Say what a scene holds and what it lacks, without Blender, a farm or a network.

    It shows the scenes in the file and the files outside of it, and ends with 2 where a farm would refuse the
    scene: it is damaged or too new, has no camera, refers to files that are not there, or names an engine or
    colours that Blender lacks. It warns about Python in the scene: render such a scene with --trust-scripts or
    --without-scripts.
    """
    with answering(json=json):
        from frameloom.cli import check_view  # noqa: PLC0415
        from frameloom.client import check_scene  # noqa: PLC0415

        check_view.show(check_scene(scene, blender=blender), json=json)
