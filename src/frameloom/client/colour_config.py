"""The colour configuration of a job: the option's, or that of Blender on this machine (`OCIO`)."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from frameloom.client.job_request import disk_folder
from frameloom.model import keys
from frameloom.model.errors import InvalidRequest
from frameloom.model.request import config_file
from frameloom.services.scene.ocio_config import OcioConfig, read_config
from frameloom.services.storage.local_files import Disk

_OCIO = "OCIO"
_BUILT_IN = "ocio://"
# The files of colour transforms; OpenColorIO recognizes them by these extensions.
_LUTS = re.compile(
    r"\.(?:1dl|3dl|amf|cc|ccc|cdl|clf|csp|ctf|cube?|hdl|icc|icm|itx|look|lut|m3d|mga|pf|spi1d|spi3d|spimtx|vf)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalConfig:
    """A configuration on this disk, with the keys that its files get in the scenes bucket.

    Attributes:
        files: the configuration and the files that it refers to, by key.
    """

    config: OcioConfig
    files: Mapping[str, Path]


def local_config(given: str | None) -> LocalConfig | None:
    """Return the configuration at a path, or at the one in `OCIO`; None for Blender's own.

    Args:
        given: the path; None for that in the environment, which Blender on this machine uses as well.

    Raises:
        InvalidRequest: the configuration cannot be read or used by workers; the message has the reason.
    """
    text = given or os.environ.get(_OCIO)
    if not text:
        return None
    try:
        return _local(text)
    except InvalidRequest as error:
        if given:
            raise
        problem = (
            f"{error.facts['problem']}. The environment variable OCIO names this configuration; to use Blender's own, "
            "run `env -u OCIO frameloom ...`"
        )
        raise InvalidRequest(field="ocio", problem=problem) from None


def _local(text: str) -> LocalConfig:
    if text.startswith(_BUILT_IN):
        raise _invalid(f"takes a file, not {text!r}: save that configuration as a file, such as with `ociowrite`")
    path = Path(os.path.normpath(Path(text).absolute()))
    if not path.is_file():
        raise _invalid(f"there is no file {text!r}")
    key = keys.disk_key(disk_folder(), path.anchor, path.relative_to(path.anchor).as_posix())
    try:
        config_file(key)
    except ValueError:
        raise _invalid(f"takes a file with a plain name that ends in .ocio or .ocioz, not {text!r}") from None
    config = read_config(path, key=key)
    for name, default in config.variables:
        if (value := os.environ.get(name, default)) != default:
            raise _invalid(f"it uses the variable {name}, which is {value!r} here and {default!r} on workers: unset it")
    disk = Disk.of(path, key, guarded=False)
    files = {asset.key: disk.path(asset.key) for asset in config.assets(disk, "")}
    for each in files.values():
        # A configuration from elsewhere must not upload any file that the artist may read.
        if _LUTS.fullmatch(each.resolve().suffix) is None and each != path and not disk.is_beside(each):
            raise _invalid(f"it refers to {str(each)!r}, outside its folder or hidden, which is no colour transform")
    return LocalConfig(config=config, files=files)


def _invalid(problem: str) -> InvalidRequest:
    return InvalidRequest(field="ocio", problem=problem)
