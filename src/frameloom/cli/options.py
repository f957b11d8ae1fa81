"""The options that commands share. Their values are text, which the request's model checks."""

from pathlib import Path
from typing import Annotated

import typer

FRAMES, LOOKS, RESULTS, FARM, OTHER = (
    "Which frames",
    "How they look",
    "What comes out",
    "Where it runs",
    "What is shown",
)

Job = Annotated[
    str,
    typer.Argument(
        metavar="JOB", help="The id of a job, as `frameloom status` lists it, or the first characters of the id."
    ),
]
Scene = Annotated[
    Path, typer.Argument(metavar="SCENE.blend", help="The scene; its external files are uploaded with it.")
]
Frames = Annotated[
    str | None,
    typer.Option(
        metavar="EXPR",
        help="Frames such as 7, 1-10, 1-10:2 or 1-10:2,15,20-30.  [default: the frame range of the scene]",
        rich_help_panel=FRAMES,
    ),
]
Start = Annotated[
    str | None, typer.Option(metavar="N", help="The first frame; requires --end.", rich_help_panel=FRAMES)
]
End = Annotated[str | None, typer.Option(metavar="N", help="The last frame; requires --start.", rich_help_panel=FRAMES)]
Step = Annotated[
    str | None, typer.Option(metavar="N", help="The frame step from --start to --end.", rich_help_panel=FRAMES)
]

SceneName = Annotated[
    str | None,
    typer.Option(
        "--scene", metavar="NAME", help="The scene in the file.  [default: the active scene]", rich_help_panel=LOOKS
    ),
]
Camera = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="The camera object.  [default: the scene's camera]", rich_help_panel=LOOKS),
]
Resolution = Annotated[
    str | None,
    typer.Option(metavar="PERCENT", help="The resolution, in percent of the scene's X and Y.", rich_help_panel=LOOKS),
]
Samples = Annotated[
    str | None,
    typer.Option(metavar="N", help="Render samples per pixel.  [default: the scene's]", rich_help_panel=LOOKS),
]
Blender = Annotated[
    str | None,
    typer.Option(
        metavar="VERSION",
        help="The version of Blender that renders, such as 4.5.  [default: the version that saved the scene, or the "
        "nearest newer LTS of the farm]",
        rich_help_panel=LOOKS,
    ),
]
Engine = Annotated[
    str | None,
    typer.Option(
        metavar="ENGINE",
        help="Render engine: CYCLES, EEVEE or WORKBENCH.  [default: the scene's]",
        rich_help_panel=LOOKS,
    ),
]
Format = Annotated[
    str | None,
    typer.Option(metavar="FORMAT", help="File format: PNG, OPEN_EXR or JPEG.  [default: PNG]", rich_help_panel=LOOKS),
]

Ocio = Annotated[
    str | None,
    typer.Option(
        "--ocio",
        metavar="PATH",
        help="An OpenColorIO configuration, config.ocio or an archive .ocioz, which is uploaded with its files.  "
        "[default: that of the environment variable OCIO, or Blender's own]",
        rich_help_panel=LOOKS,
    ),
]

Addons = Annotated[
    list[str] | None,
    typer.Option(
        "--addon",
        metavar="ZIP",
        help="A Blender extension whose add-on the scene needs; may be repeated. Requires --trust-scripts.",
        rich_help_panel=LOOKS,
    ),
]

Trust = Annotated[
    bool | None,
    typer.Option(
        "--trust-scripts/--without-scripts",
        help="Run the Python in the scene (drivers, registered texts) with all rights of the worker, or render without "
        "it. A scene with Python requires one of the two options.",
        show_default=False,
        rich_help_panel=LOOKS,
    ),
]

Bake = Annotated[
    str | None,
    typer.Option(
        metavar="auto|never",
        help="If particles, hair or cloth are not baked, render all frames in order on one worker (auto), or divide "
        "them among workers all the same (never).  [default: auto]",
        rich_help_panel=LOOKS,
    ),
]

Out = Annotated[
    Path,
    typer.Option(
        metavar="DIR",
        help="The output folder for video, frames and report; its frames are reused.  [default: the current folder]",
        show_default=False,
        rich_help_panel=RESULTS,
    ),
]
FramesOnly = Annotated[
    bool, typer.Option("--frames-only", help="Render frames, but make no video.", rich_help_panel=RESULTS)
]
Fps = Annotated[
    str | None,
    typer.Option(
        metavar="RATE",
        help="The frame rate of the video, such as 24 or 30000/1001.  [default: the scene's]",
        rich_help_panel=RESULTS,
    ),
]
Codec = Annotated[
    str | None,
    typer.Option(
        metavar="CODEC",
        help="Video codec: h264, h265, av1 or prores, which makes a .mov and keeps transparency.  [default: h264]",
        rich_help_panel=RESULTS,
    ),
]
Quality = Annotated[
    str | None,
    typer.Option(
        metavar="CRF",
        help="Constant rate factor: 0 is lossless, 51 the worst; not for prores.  [default: 18]",
        rich_help_panel=RESULTS,
    ),
]
OnMissing = Annotated[
    str | None,
    typer.Option(
        metavar="fail|stitch",
        help="If frames cannot be rendered: fail the job, or make the video without them.  [default: fail]",
        rich_help_panel=RESULTS,
    ),
]

Local = Annotated[bool, typer.Option("--local", help="Use this machine; the default.", rich_help_panel=FARM)]
StackName = Annotated[
    str | None, typer.Option("--stack", metavar="NAME", help="Use the farm of this stack in AWS.", rich_help_panel=FARM)
]
Workers = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        help="Workers of the farm that is started on this machine.",
        show_default="one, and more while cores are idle",
        rich_help_panel=FARM,
    ),
]
MaxWorkers = Annotated[
    str | None,
    typer.Option(metavar="N", help="Workers that the job may use at once.", rich_help_panel=FARM),
]
ChunkSize = Annotated[
    str | None,
    typer.Option(
        metavar="N",
        help="Frames per chunk, which one worker renders.  [default: by measured times]",
        rich_help_panel=FARM,
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Another field of the job's request, such as queue_timeout=600 or video.quality=20; may be repeated.",
        rich_help_panel=FARM,
    ),
]

Detach = Annotated[
    bool,
    typer.Option(
        "--detach",
        help="Start the job, print the commands to follow, fetch and cancel it, and return. Requires --stack or a "
        "running farm.",
        rich_help_panel=FARM,
    ),
]

Json = Annotated[
    bool, typer.Option("--json", help="Write one JSON document to stdout, also for errors.", rich_help_panel=OTHER)
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only errors.", rich_help_panel=OTHER)]

# The stack of a command that works only with a deployed farm.
FleetStack = Annotated[str, typer.Option("--stack", metavar="NAME", help="The farm's stack.", rich_help_panel=FARM)]
Context = Annotated[
    str | None,
    typer.Option(
        metavar="CONTEXT",
        help="A context of the kubeconfig, instead of the stack's cluster and your AWS credentials.",
        rich_help_panel=FARM,
    ),
]
Timeout = Annotated[
    str, typer.Option(metavar="DURATION", help="How long to wait, such as 900, 900s or 15m.", rich_help_panel=FARM)
]
Yes = Annotated[
    bool, typer.Option("--yes", "-y", help="Do not ask; required without a terminal.", rich_help_panel=OTHER)
]
