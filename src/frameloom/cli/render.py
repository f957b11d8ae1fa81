"""`frameloom render`: render a scene to frames and a video."""

from pathlib import Path

from frameloom.cli import options
from frameloom.cli.help_format import examples
from frameloom.cli.output import answering

EXAMPLES = examples(
    "frameloom render shot.blend",
    "frameloom render shot.blend --frames 1-100 --out out --workers 2",
    "frameloom render shot.blend --frames 1-10:2,15 --resolution 25 --samples 16",
    "frameloom render shot.blend --frames-only --format OPEN_EXR",
    "frameloom render shot.blend --codec prores",
    "frameloom render rig.blend --trust-scripts",
    "frameloom render shot.blend --stack my-farm --max-workers 50 --detach",
    "frameloom render shot.blend --set video.quality=20 --set queue_timeout=600",
)


def render(
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
    frames_only: options.FramesOnly = False,
    fps: options.Fps = None,
    codec: options.Codec = None,
    quality: options.Quality = None,
    on_missing: options.OnMissing = None,
    local: options.Local = False,
    stack: options.StackName = None,
    workers: options.Workers = None,
    max_workers: options.MaxWorkers = None,
    chunk_size: options.ChunkSize = None,
    settings: options.Settings = None,
    detach: options.Detach = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Render a scene to frames and a video.

    Writes the video to DIR/<scene>.mp4 (ProRes: DIR/<scene>.mov), the frames to DIR/<scene>/ and the report to
    DIR/<scene>.report.json. Another video of the scene gets the next version, DIR/<scene>_v002.mp4, with its report.
    Frames that were rendered before, with the same settings of the same scene, are reused. Ctrl-C cancels the job and
    keeps its frames. On a stack or on a farm of `frameloom farm up`, the job continues if the terminal is closed:
    `frameloom fetch` follows it and fetches its results.
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
                    "output": "frames" if frames_only else None,
                    "fps": fps,
                    "video.codec": codec,
                    "video.quality": quality,
                    "on_missing": on_missing,
                    "max_workers": max_workers,
                    "chunk_size": chunk_size,
                },
                addons=addon or (),
                settings=settings or (),
                out=out,
                local=local,
                stack=stack,
                detach=detach,
                workers=workers,
            ),
            json=json,
            quiet=quiet,
        )
