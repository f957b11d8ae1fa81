"""The types of the keywords of `Farm.render`: the fields of a job's request."""

from collections.abc import Sequence
from typing import Literal, TypedDict

from frameloom.model.settings import Device, Engine, FrameFormat, VideoCodec


class VideoFields(TypedDict, total=False):
    """The settings of the video.

    Attributes:
        codec: default h264; prores makes a .mov that keeps transparency, the others an .mp4.
        quality: constant rate factor, 0 (lossless) to 51 (worst), default 18; not for prores.
    """

    codec: VideoCodec | None
    quality: int | str | None


class RequestFields(TypedDict, total=False):
    """The fields of a job's request; a missing field has its default, which is mostly the value in the scene.

    None stands for the default, too.

    `frameloom.model.request.JobRequest` checks them.

    Attributes:
        file: the scene's key in the scenes bucket; the default comes from its path on this disk.
        film: the name of the film without folder and extension; the default is the scene's.
        frames: such as "7", "1-10", "1-10:2" or "1-10:2,15,20-30".
        start, end, step: the first frame, the last frame and the step, instead of `frames`.
        chunk_size: frames per chunk, 1 to 10,000.
        max_workers: workers that the job may keep busy at once.
        queue_timeout, chunk_timeout, frame_timeout: seconds that a chunk may wait in the queue; that it may take with
            this wait; that a frame may take.
        scene, camera: names in the .blend.
        engine: CYCLES, EEVEE or WORKBENCH.
        device: CPU, CUDA or OPTIX; the default is the farm's.
        samples: samples per pixel.
        resolution_percentage: 1 to 1000.
        format: PNG (default), OPEN_EXR or JPEG.
        trust_scripts: True runs the Python in the scene with the worker's rights, False renders without it; a scene
            with Python is refused otherwise.
        ocio: the path of an OpenColorIO configuration on this disk, which is uploaded with its files; the default is
            that of the environment variable OCIO, or Blender's own.
        addons: the paths of Blender extensions on this disk, whose add-ons the scene needs; requires `trust_scripts`.
        blender: the version of Blender that renders, such as "4.5" or "5.0.1"; the default is the one that saved the
            scene, else the nearest newer LTS of the farm.
        fps: frames per second of the film, such as 24 or "30000/1001".
        video: the settings of the video.
        output: "frames", "video" or "both" (default).
        on_missing: "fail" (default) or "stitch", which leaves out frames that cannot be rendered.
        missing_assets: "fail" (default); "render", which renders without files that do not exist; or names
            and patterns of files that may be missing, such as ["//textures/old_*.png", "sound.wav"].
        absolute_root: the folder of the scenes bucket for files with absolute paths; the default is one for this user
            and machine.
        bake: "auto" (default) renders a scene with unbaked particles, hair or cloth in order, on one worker; "never"
            divides its frames among workers.
        run: a number; another one starts the same request again with `submit_job`.
    """

    file: str | None
    film: str | None
    frames: str | None
    start: int | str | None
    end: int | str | None
    step: int | str | None
    chunk_size: int | str | None
    max_workers: int | str | None
    queue_timeout: int | str | None
    chunk_timeout: int | str | None
    frame_timeout: int | str | None
    scene: str | None
    camera: str | None
    engine: Engine | None
    device: Device | None
    samples: int | str | None
    resolution_percentage: int | str | None
    format: FrameFormat | None
    trust_scripts: bool | None
    ocio: str | None
    addons: Sequence[str] | None
    blender: str | None
    fps: int | float | str | None
    video: VideoFields | None
    output: Literal["frames", "video", "both"] | None
    on_missing: Literal["fail", "stitch"] | None
    missing_assets: Literal["fail", "render"] | Sequence[str] | None
    absolute_root: str | None
    bake: Literal["auto", "never"] | None
    run: int | str | None
