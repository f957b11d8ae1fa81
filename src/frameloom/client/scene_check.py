"""Checks a scene on this disk as PrepareJob checks it, without Blender, a farm or a network."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from frameloom.client.colour_config import local_config
from frameloom.client.inspected_scene import read_local_scene
from frameloom.client.job_request import apart_from, build_request, disk_folder, find_scene
from frameloom.model.blenders import choose_blender, is_in, is_version
from frameloom.model.errors import FarmError, InvalidRequest, JobImpossible
from frameloom.model.notices import Notice, NoticeKind
from frameloom.model.request import JobRequest
from frameloom.model.scene import SceneFacts
from frameloom.services.resolve_request import ResolvedRequest, accept_assets, resolve_request
from frameloom.services.scene.checks import scripts_problem
from frameloom.services.scene.upload_assets import LocalAssets, local_assets
from frameloom.services.system.installed_blenders import installed_blenders


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneCheck:
    """The contents of a scene, and the reason for which a farm would refuse it.

    Attributes:
        facts: the scenes in the file, their frames, cameras and colours.
        assets: the files that it refers to, by their paths from its folder, with their sizes in bytes.
        missing: the paths of files that do not exist, as the scene and its libraries have them.
        scripts: the Python in it and in its libraries, which requires `trust_scripts`.
        notices: notices about a job of this scene, and about decisions that the job needs.
        rendered_by: the version of Blender that a job would use; None if the scene is too new for all.
        job: the job that `frameloom render` starts without options; None for a refused scene.
        size: the size of the .blend file in bytes.
        refusal: the error that a job would fail with; None if the scene can be rendered.
    """

    facts: SceneFacts
    assets: Mapping[str, int]
    missing: tuple[str, ...]
    scripts: tuple[str, ...]
    notices: tuple[Notice, ...]
    rendered_by: str | None
    job: ResolvedRequest | None
    size: int
    refusal: FarmError | None

    @property
    def blender(self) -> str:
        """The version of Blender that saved the scene, such as 4.5."""
        return "{}.{}".format(*self.facts.blender_version)


def check_scene(path: str | Path, *, blender: str | None = None, ocio: str | None = None) -> SceneCheck:
    """Return the contents of a scene, and whether a farm would render it.

    Args:
        path: the .blend on this disk.
        blender: the version of Blender that renders it, such as 4.5. By default, the one of the installed versions
            that a job on this machine would use; without Blender, the version that saved the scene.
        ocio: the path of an OpenColorIO configuration; that of the environment variable OCIO if None.

    Raises:
        InvalidRequest: there is no such file, or `blender` is not a version.
        SceneUnreadable: the scene or a library cannot be read.
    """
    _check_wanted(blender)
    scene = find_scene(Path(path))
    # The job decides whether scripts run, so they are a notice here. Check the rest as if the job had decided.
    request = build_request(scene, {"trust_scripts": False, "absolute_root": disk_folder()})
    facts = read_local_scene(scene)
    local = local_assets(scene, request.file, facts.references, root=disk_folder(), guarded=True)
    found, folder = local.found, local.disk.scene.parent
    scripts = (*facts.scripts, *found.scripts)
    outcome = _resolve(scene, request, local, facts, blenders=_blenders(blender, facts), ocio=ocio)
    return SceneCheck(
        facts=facts,
        assets={_path_from(folder, local.disk.path(one.key)): one.size for one in found.assets},
        missing=found.missing,
        scripts=scripts,
        notices=(*_about_scripts(scripts, facts.file), *outcome.notices, *local.notices),
        rendered_by=outcome.blender,
        job=outcome.job,
        size=scene.stat().st_size,
        refusal=outcome.refusal,
    )


def _path_from(folder: Path, path: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()


def _about_scripts(scripts: tuple[str, ...], file: str) -> tuple[Notice, ...]:
    if not scripts:
        return ()
    return (Notice(kind=NoticeKind.SCRIPTS, text=f"{scripts_problem(scripts, file=file)}.", items=scripts),)


class _Outcome(NamedTuple):
    """The error that a job without other fields would fail with, its notices, its Blender, and the job if it works."""

    refusal: FarmError | None
    notices: tuple[Notice, ...]
    blender: str | None
    job: ResolvedRequest | None = None


def _resolve(
    scene: Path,
    request: JobRequest,
    local: LocalAssets,
    facts: SceneFacts,
    *,
    blenders: Sequence[str],
    ocio: str | None,
) -> _Outcome:
    notices, blender = facts.notices, None
    try:
        blender = choose_blender(
            None, saved_by=facts.blender_version, blenders=blenders, file=facts.file, big_endian=facts.big_endian
        )
        own = local_config(ocio)
        config = None if own is None else own.config
        resolved = resolve_request(request, scene, blenders=[blender], device="CPU", facts=facts, config=config)
        notices = (*resolved.notices, *local.found.notices)
        local.check(request)
        job = accept_assets(resolved, apart_from(request, local.found.named), local.found, scene=scene)
    except JobImpossible as error:
        return _Outcome(error, notices, blender)
    return _Outcome(None, job.notices, blender, job)


def _check_wanted(blender: str | None) -> None:
    if blender is not None and not is_version(blender):
        raise InvalidRequest(field="blender", problem=f"takes a version such as 4.5, not {blender!r}")


def _blenders(wanted: str | None, facts: SceneFacts) -> list[str]:
    """Return the Blenders of the farm that the scene is checked for, which need not be on this machine."""
    installed = [each.version for each in installed_blenders()]
    if wanted is not None:
        return [version for version in installed if is_in(version, wanted)] or [wanted]
    return installed or ["{}.{}".format(*facts.blender_version)]
