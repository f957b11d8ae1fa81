"""`frameloom check`: check a scene as a farm does, before it is uploaded."""

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
            help="The version of Blender that renders it, such as 4.5.  [default: as a job on this machine]",
            rich_help_panel=options.FARM,
        ),
    ] = None,
    ocio: options.Ocio = None,
    json: options.Json = False,
) -> None:
    """Show the output of a job, the settings of its scene, and the missing files.

    Requires neither Blender nor a farm nor a network. Marks settings that a job replaces or leaves out. The exit code
    is 2 if a farm would refuse the scene: it is damaged, was saved by a newer Blender, has no camera or missing
    files, or uses a render engine or a view transform that Blender lacks. Warns about Python in the scene: render such
    a scene with --trust-scripts or --without-scripts.
    """
    with answering(json=json):
        from frameloom.cli import check_view  # noqa: PLC0415
        from frameloom.client import check_scene  # noqa: PLC0415

        check_view.show(check_scene(scene, blender=blender, ocio=ocio), json=json)
