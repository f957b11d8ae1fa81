"""Resolves a request against its scene and its assets: PrepareJob on a farm, the command line before an upload."""

import hashlib
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

from frameloom.model import keys
from frameloom.model.allowed_missing import may_miss
from frameloom.model.assets import Asset, Reference
from frameloom.model.blenders import choose_blender
from frameloom.model.colours import ColourNames
from frameloom.model.counts import listed
from frameloom.model.errors import InvalidRequest, MissingAssets
from frameloom.model.frame_files import FrameFiles
from frameloom.model.frames import FrameRange
from frameloom.model.notices import Notice, NoticeKind
from frameloom.model.request import JobRequest
from frameloom.model.scene import SceneEntry, SceneFacts
from frameloom.model.settings import Device, RenderSettings, film_rate
from frameloom.model.simulations import Order, Simulation, order_of, simulation_notices
from frameloom.model.stamps import FILENAME, stamp_notices
from frameloom.model.views import MAX_VIEWS
from frameloom.services.scene.addon_signs import addon_notices
from frameloom.services.scene.checks import check_colours, check_engine, check_scripts, check_spaces
from frameloom.services.scene.extension_zip import Extension, check_extensions
from frameloom.services.scene.find_assets import FoundAssets, find_assets
from frameloom.services.scene.ocio_config import OcioConfig
from frameloom.services.scene.output_notices import output_notices
from frameloom.services.scene.reader import read_scene
from frameloom.services.scene.unseen_files import unseen_files
from frameloom.services.storage.ports import Buckets, Store

# libav 8.1 cannot decode PIZ if the picture is noisy: never with full floats, often not with half floats.
UNFILMED_CODECS = frozenset({"PIZ"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedRequest:
    """A request with the values that its scene and its assets determine.

    Attributes:
        name: the scene's name in messages.
        digest: the SHA-256 of the scene.
        fps: frames per second.
        pixel_aspect: the ratio of a pixel's width to its height.
        references: the scene's references to other files.
        assets: the assets by their paths from the scene's folder, or by their absolute paths; empty before
            `with_assets`.
        absolute_root: the folder of the bucket for absolute paths, None if no asset has one.
        revision: above 1 for a scene that earlier workers rendered differently.
        endings: the endings of the names of each frame's files, None for one file.
        stamped: the file's name, if the scene burns it into its frames.
        scene_steps: the first frame of the scene and its step.
        order: the order of the frames, None if chunks may be rendered in any order.
        config: the colour configuration, None for that of Blender.
        extensions: the Blender extensions that the scene needs.
        notices: notices about the job; `with_assets` adds those about the assets.
    """

    name: str
    digest: str
    frames: FrameRange
    fps: str
    pixel_aspect: Fraction
    size: tuple[int, int]
    settings: RenderSettings
    references: tuple[Reference, ...] = ()
    assets: Mapping[str, Asset] = field(default_factory=dict)
    absolute_root: str | None = None
    revision: int = 1
    endings: tuple[str, ...] | None = None
    stamped: str | None = None
    scene_steps: tuple[int, int] = (1, 1)
    order: Order | None = None
    config: OcioConfig | None = None
    extensions: tuple[Extension, ...] = ()
    notices: tuple[Notice, ...] = ()

    @property
    def files(self) -> FrameFiles:
        """The files of each frame."""
        return FrameFiles.of(self.settings.format, self.endings)

    @property
    def render_key(self) -> str:
        """Return the render key of the frames."""
        tags = {path: asset.etag for path, asset in self.assets.items()}
        return keys.render_key(
            digest=self.digest,
            settings=self.settings,
            assets=tags,
            revision=self.revision,
            stamped=self.stamped,
            order=self.order,
        )


def resolve_request(
    request: JobRequest,
    scene: Path,
    *,
    blenders: Sequence[str],
    device: Device,
    facts: SceneFacts | None = None,
    config: OcioConfig | None = None,
    extensions: Sequence[Extension] = (),
) -> ResolvedRequest:
    """Return the request with the values of the scene in the file `scene`, without its assets.

    Args:
        blenders: the full versions of Blender that each worker of the farm has; `choose_blender` takes one.
        device: their device, which the request may override.
        facts: the known facts about the scene; None to read the file here, with its key as its name in messages.
        config: the colour configuration at the request's `ocio`.
        extensions: those at the request's `addons`.

    Raises:
        JobImpossible: the scene cannot be read, is too new, has no camera, does not fit the request, or needs
            something that Blender would leave out (`services/scene/checks.py`).
    """
    facts = facts or read_scene(scene, name=request.file)
    name = facts.file
    blender = choose_blender(
        request.blender,
        saved_by=facts.blender_version,
        blenders=blenders,
        file=name,
        big_endian=facts.big_endian,
    )
    entry = facts.pick(request.scene, request.camera)
    file = posixpath.basename(request.file)
    _check_codec(request, entry)
    _check_views(request, entry)
    if request.output != "video":
        check_engine(entry, request.engine, blender=blender, addons=bool(extensions))
        check_extensions(extensions, blender)
        check_colours(facts, entry, blender=blender, linear=request.format == "OPEN_EXR", names=_names(config))
        check_scripts(facts.scripts, trust=request.trust_scripts, file=name)
    frames = request.frame_range() or _scene_frames(entry)
    steps = entry.frame_start, entry.frame_step
    return ResolvedRequest(
        name=name,
        digest=file_digest(scene),
        frames=frames,
        fps=request.fps or _scene_rate(entry.fps, makes_film=request.output != "frames"),
        pixel_aspect=entry.pixel_aspect,
        size=entry.rendered_size(request.resolution_percentage),
        settings=request.settings().model_copy(
            update={"blender": blender, "device": _device_setting(request.device or device)}
        ),
        references=facts.references,
        revision=_revision(request, entry),
        endings=None if entry.views is None else entry.views.endings(request.format),
        config=config,
        extensions=tuple(extensions),
        stamped=file if FILENAME in entry.stamp else None,
        scene_steps=steps,
        order=_order(request, facts.simulations, steps, frames),
        notices=(
            *facts.notices,
            *_about_config(config),
            *addon_notices(() if extensions else facts.tree_types, file=name),
            *stamp_notices(entry.stamp, scene=entry.name, file=file),
            *output_notices(facts, entry, request),
            *simulation_notices(facts.simulations, bake=request.bake),
        ),
    )


def with_assets(
    resolved: ResolvedRequest, request: JobRequest, *, store: Store, buckets: Buckets, scene: Path | None = None
) -> ResolvedRequest:
    """Return the resolved request with the assets of the scene, from the scenes bucket.

    Args:
        scene: the scene's file, to find out whether a frame shows its missing files; None if Blender alone can read it.

    Raises:
        MissingAssets: files are missing, and the request does not allow to render without them.
        SceneUnreadable: a library is not a readable .blend file.
        InvalidRequest: the untrusted scene writes files, or opens files of the worker; it reads a file that its film
            would replace; it computes the paths of its imports; or a library needs something that Blender would leave
            out (`services/scene/checks.py`).
    """
    found = find_assets(store, buckets.scenes, request.file, resolved.references, root=request.absolute_root)
    resolved = accept_assets(resolved, request, found, scene=scene)
    # Names of their own, without the place of the files: equal on each machine that has them.
    named = {f"addon:{one.id}": one.asset(store, buckets.scenes) for one in resolved.extensions}
    if (config := resolved.config) is not None:
        home = posixpath.dirname(config.key)
        named |= {f"ocio:{posixpath.relpath(one.key, home)}": one for one in config.assets(store, buckets.scenes)}
    return replace(resolved, assets={**resolved.assets, **named})


def accept_assets(
    resolved: ResolvedRequest, request: JobRequest, found: FoundAssets, *, scene: Path | None = None
) -> ResolvedRequest:
    """Return the resolved request with the assets that a search found; otherwise like `with_assets`."""
    found.check(file=resolved.name, trusted=request.trust_scripts is True)
    if request.output != "video":
        check_scripts(found.scripts, trust=request.trust_scripts, file=resolved.name)
        blender, names = resolved.settings.blender or "", _names(resolved.config)
        check_spaces(found.spaces, file=resolved.name, blender=blender, names=names)
    film = keys.video_key(request.file, request.video.container, name=request.film)
    if request.output != "frames" and film in found.named:
        problem = f"the film would replace {film!r}, which the scene reads: choose another name for the film"
        raise InvalidRequest(field="film", problem=problem)
    unseen = (*found.unseen, *unseen_files(scene, request, found))
    missing = [one for one in found.missing if one not in unseen]
    lost = [one for one in missing if not may_miss(request.missing_assets, found.paths[one])]
    if lost:
        raise MissingAssets(file=resolved.name, assets=listed(lost))
    found.check_render(file=resolved.name, trusted=request.trust_scripts is True)
    return replace(
        resolved,
        assets={_asset_name(asset, request, found): asset for asset in found.assets},
        absolute_root=request.absolute_root if found.absolute else None,
        # The simulations of the scene and of each library have one order.
        order=resolved.order or _order(request, found.simulations, resolved.scene_steps, resolved.frames),
        notices=(
            *resolved.notices,
            *found.notices,
            *simulation_notices(found.simulations, bake=request.bake),
            *_about_missing(missing, unseen),
        ),
    )


def _about_missing(missing: Sequence[str], unseen: Sequence[str]) -> Iterator[Notice]:
    if unseen:
        text = f"Missing files that no frame shows: {listed(unseen)}."
        yield Notice(kind=NoticeKind.UNNEEDED, text=text, items=tuple(unseen))
    if missing:
        text = f"The job renders without these missing files, as `missing_assets` allows: {listed(missing)}."
        yield Notice(kind=NoticeKind.MISSING, text=text, items=tuple(missing))


def _asset_name(asset: Asset, request: JobRequest, found: FoundAssets) -> str:
    """Return an asset's path from the scene's folder, or its absolute path; equal on each machine that has it there."""
    if asset.key in found.absolute:
        return asset.key.removeprefix(request.absolute_root or "")
    return posixpath.relpath(f"/{asset.key}", f"/{posixpath.dirname(request.file)}")


def _order(
    request: JobRequest, simulations: Sequence[Simulation], steps: tuple[int, int], frames: FrameRange
) -> Order | None:
    return None if request.bake == "never" else order_of(simulations, scene=steps, wanted=frames)


def _check_views(request: JobRequest, entry: SceneEntry) -> None:
    """Refuse too many views, and views whose files would replace each other, as they do in Blender."""
    if entry.views is None or entry.views.endings(request.format) is None:
        return
    if len(entry.views.rendered) > MAX_VIEWS:
        problem = f"{entry.name!r} renders {len(entry.views.rendered):,} views; this farm's limit is {MAX_VIEWS}"
        raise InvalidRequest(field="scene", problem=problem)
    if (alike := entry.views.alike()) is not None:
        one, other = (view.name for view in alike)
        problem = (
            f"the views {one!r} and {other!r} of scene {entry.name!r} have the same suffix, {alike[0].suffix!r}: give "
            "each view its own, in the output properties under Stereoscopy"
        )
        raise InvalidRequest(field="scene", problem=problem)


def _names(config: OcioConfig | None) -> ColourNames | None:
    return None if config is None else config.names


def _about_config(config: OcioConfig | None) -> tuple[Notice, ...]:
    if config is None:
        return ()
    name = posixpath.basename(config.key)
    text = f"Colours follow the OpenColorIO configuration {name!r} instead of Blender's own."
    return (Notice(kind=NoticeKind.COLOURS, text=text, items=(config.key,)),)


def _check_codec(request: JobRequest, entry: SceneEntry) -> None:
    """Refuse to render OpenEXR frames for a film that the encoder cannot decode or show; try existing frames."""
    if request.output == "both" and request.format == "OPEN_EXR" and request.ocio is not None:
        problem = (
            "a film of OpenEXR frames shows the colours of Blender's own configuration, not of `ocio`: render PNG, or "
            'set output to "frames"'
        )
        raise InvalidRequest(field="format", problem=problem)
    if request.output == "both" and request.format == "OPEN_EXR" and entry.exr_codec in UNFILMED_CODECS:
        problem = (
            f"scene {entry.name!r} compresses OpenEXR with {entry.exr_codec}, which the film's encoder cannot decode: "
            'choose another codec in the scene, such as ZIP, or set output to "frames"'
        )
        raise InvalidRequest(field="format", problem=problem)


def _scene_frames(entry: SceneEntry) -> FrameRange:
    if entry.frame_end < entry.frame_start:
        problem = f"the scene's range, {entry.frame_start} to {entry.frame_end}, is empty: name the frames to render"
        raise InvalidRequest(field="frames", problem=problem)
    return FrameRange.between(entry.frame_start, entry.frame_end, entry.frame_step)


def _scene_rate(fps: Fraction, *, makes_film: bool) -> str:
    """Return the scene's rate as a film can have it; Blender stores it in single precision, which is finer."""
    try:
        return str(film_rate(fps))
    except ValueError as error:
        if makes_film:
            problem = f"{error}, and the scene's rate is {float(fps):g}: name another"
            raise InvalidRequest(field="fps", problem=problem) from None
        return str(fps)


def _device_setting(device: Device) -> Device | None:
    # None for the CPU, so that frames of versions without this setting keep their render key.
    return None if device == "CPU" else device


def _revision(request: JobRequest, entry: SceneEntry) -> int:
    """Return 2 for a scene whose frames the workers of revision 1 rendered wrong, otherwise 1.

    With Render Single Layer, the first frame of each later chunk was a copy of the frame before it. OpenEXR frames were
    not in the linear colour space that the scene names. Stamps showed the worker's path, name and clock.
    """
    return 2 if entry.single_layer or entry.stamp or (request.format == "OPEN_EXR" and entry.colours.linear) else 1


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
