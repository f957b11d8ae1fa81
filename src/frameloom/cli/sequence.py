"""`frameloom sequence`: make a video of existing frames."""

from pathlib import Path

from frameloom.cli import options
from frameloom.cli.help_format import examples
from frameloom.cli.output import answering

EXAMPLES = examples(
    "frameloom sequence shot.blend",
    "frameloom sequence shot.blend --frames 1-50 --fps 12 --quality 28",
    "frameloom sequence shot.blend --on-missing stitch",
    "frameloom sequence shot.blend --format OPEN_EXR",
)


def sequence(
    scene: options.Scene,
    *,
    frames: options.Frames = None,
    start: options.Start = None,
    end: options.End = None,
    step: options.Step = None,
    scene_name: options.SceneName = None,
    camera: options.Camera = None,
    resolution: options.Resolution = None,
    samples: options.Samples = None,
    engine: options.Engine = None,
    blender: options.Blender = None,
    format: options.Format = None,  # noqa: A002  the option's name
    ocio: options.Ocio = None,
    addon: options.Addons = None,
    trust_scripts: options.Trust = None,
    bake: options.Bake = None,
    out: options.Out = Path(),
    fps: options.Fps = None,
    codec: options.Codec = None,
    quality: options.Quality = None,
    on_missing: options.OnMissing = None,
    local: options.Local = False,
    stack: options.StackName = None,
    settings: options.Settings = None,
    detach: options.Detach = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Make a video of existing frames, without rendering.

    The options under "How they look" select the frames: give the options that they were rendered with.
    """
    with answering(json=json):
        from frameloom.cli.run_job import JobOptions, run  # noqa: PLC0415

        run(
            JobOptions(
                scene=scene,
                fields={
                    "frames": frames,
                    "start": start,
                    "end": end,
                    "step": step,
                    "scene": scene_name,
                    "camera": camera,
                    "resolution_percentage": resolution,
                    "samples": samples,
                    "engine": engine,
                    "blender": blender,
                    "format": format,
                    "ocio": ocio,
                    "trust_scripts": None if trust_scripts is None else str(trust_scripts).lower(),
                    "bake": bake,
                    "output": "video",
                    "fps": fps,
                    "video.codec": codec,
                    "video.quality": quality,
                    "on_missing": on_missing,
                },
                addons=addon or (),
                settings=settings or (),
                out=out,
                local=local,
                stack=stack,
                detach=detach,
            ),
            json=json,
            quiet=quiet,
        )
