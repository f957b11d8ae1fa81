"""Build the worker's image, and push it to a stack's repository.

python -m tools.image 4.5                        # frameloom-worker:4.5.15-0a1b2c3d4e5f
python -m tools.image 4.5 5.0                    # frameloom-worker:4.5.15_5.0.1-0a1b2c3d4e5f
python -m tools.image 4.5 5.0 --stack my-farm    # and in the repository of that stack
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import frameloom
from frameloom.aws import ecr
from frameloom.aws.stack import find_stack
from frameloom.model.blenders import and_listed
from frameloom.model.errors import FarmError

ROOT = Path(__file__).resolve().parents[1]
NAME = "frameloom-worker"
DOCKERFILE = Path("worker/Dockerfile")
REQUIREMENTS = Path("worker/requirements")
# bpy has no wheel for Linux on Arm.
PLATFORM = "linux/amd64"
# BuildKit adds a provenance attestation to each build, so a tag in a repository has three artefacts: an index, the
# image and the attestation. This is a variable, since engines without buildx refuse the option.
ONE_ARTEFACT = {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}


class Refused(Exception):
    """No image can be built; the message is the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """The image to build.

    Attributes:
        blenders: the full versions in it by series, oldest first.
        base: the base image, None for the Dockerfile's.
    """

    blenders: Mapping[str, str]
    base: str | None = None

    @property
    def tag(self) -> str:
        """The image's tag, in which everything counts that goes into it: equal tags, equal contents."""
        files = inputs(self.blenders)
        contents = [(str(path), hashlib.sha256((ROOT / path).read_bytes()).hexdigest()) for path in files]
        digest = hashlib.sha256(json.dumps([self.base, contents]).encode()).hexdigest()
        return ecr.image_tag([*self.blenders.values()], digest[:12])

    def build_command(self, *, network: str | None) -> list[str]:
        """Return the command that builds the image."""
        # An empty argument overrides the Dockerfile's default.
        arguments = {f"BLENDER_{series.replace('.', '_')}": self.blenders.get(series, "") for series in blenders()}
        arguments |= {
            "BLENDER_VERSIONS": " ".join(self.blenders.values()),
            "WORKER_VERSION": frameloom.__version__,
            "REVISION": revision(),
        } | ({} if self.base is None else {"BASE_IMAGE": self.base})
        command = ["docker", "build", "--platform", PLATFORM, "--file", str(DOCKERFILE), "--tag", f"{NAME}:{self.tag}"]
        command += [] if network is None else ["--network", network]
        for name, value in arguments.items():
            command += ["--build-arg", f"{name}={value}"]
        return [*command, "."]


def blenders() -> dict[str, str]:
    """Return the Blenders that an image can hold: full versions by series."""
    found = {}
    for path in sorted((ROOT / REQUIREMENTS).glob("[0-9]*.txt")):
        pinned = re.search(r"^bpy==(\S+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        if pinned is not None:
            found[path.stem] = pinned[1]
    return found


def pick(asked: Iterable[str], *, base: str | None = None) -> Image:
    """Return the image that holds the Blenders asked for, by their series or their full versions.

    Raises:
        Refused: no such version; the message lists the known ones.
    """
    known = blenders()
    chosen = {}
    for each in asked:
        series = next((series for series, version in known.items() if each in (series, version)), None)
        if series is None:
            there = ", ".join(f"{series} ({version})" for series, version in known.items())
            raise Refused(f"There is no image with Blender {each!r}: the Blenders are {there}.")
        chosen[series] = known[series]
    return Image(blenders={series: version for series, version in known.items() if series in chosen}, base=base)


def inputs(series: Collection[str]) -> list[Path]:
    """Return every file that goes into the image with these series, and the Dockerfile itself."""
    text = (ROOT / DOCKERFILE).read_text(encoding="utf-8").replace("\\\n", " ")
    copied = re.findall(r"^COPY (?!--from)(.+)$", text, flags=re.MULTILINE)
    sources = [source for line in copied for source in line.split()[:-1] if not _is_of_other(Path(source), series)]
    return [DOCKERFILE, *sorted({path for source in sources for path in _files(source)})]


def _is_of_other(source: Path, series: Collection[str]) -> bool:
    """Return whether a file has the requirements of a Blender that is not in the image."""
    return source.parent == REQUIREMENTS and source.stem[0].isdecimal() and source.stem not in series


def _files(source: str) -> Iterator[Path]:
    found = sorted(ROOT.glob(source))
    if not found:
        raise Refused(f"{DOCKERFILE} copies {source}, which is not there.")
    for path in found:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                yield file.relative_to(ROOT)


def revision() -> str:
    """Return the commit that is checked out, marked where files differ from it; nothing without git."""
    command = ["git", "describe", "--always", "--exclude=*", "--abbrev=40", "--dirty"]
    if shutil.which("git") is None:
        return ""
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def check_engine() -> None:
    """Find out whether a container engine answers.

    Raises:
        Refused: no engine is installed, or it does not answer.
    """
    if shutil.which("docker") is None:
        raise Refused("There is no container engine here: install Docker, which builds and pushes the image.")
    command = ["docker", "version", "--format", "{{.Server.Version}}"]
    asked = subprocess.run(command, capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        raise Refused(f"The container engine does not answer: {' '.join(asked.stderr.split()) or 'it said nothing'}")


def build(image: Image, *, network: str | None) -> str:
    """Build an image; return its name on this machine."""
    check_engine()
    _run(image.build_command(network=network), doing=f"build {NAME}:{image.tag}")
    return f"{NAME}:{image.tag}"


def push(local: str, uri: str) -> None:
    """Push an image of this machine to a repository."""
    login = ecr.log_in(uri)
    command = ["docker", "login", "--username", login.user, "--password-stdin", login.registry]
    _run(command, doing=f"log in to {login.registry}", feed=login.password)
    _run(["docker", "tag", local, uri], doing=f"name the image {uri}")
    _run(["docker", "push", uri], doing=f"push {uri}")


def _run(command: list[str], *, doing: str, feed: str | None = None) -> None:
    environment = os.environ | ONE_ARTEFACT
    ended = subprocess.run(command, cwd=ROOT, env=environment, input=feed, text=True, check=False, stdout=sys.stderr)
    if ended.returncode != 0:
        raise Refused(f"The container engine could not {doing}: see its output above.")


def make(image: Image, *, stack: str | None, network: str | None) -> str:
    """Build an image where it is not there yet, and return where it is: on this machine, or in a stack's repository.

    Raises:
        Refused: there is no engine, or it fails.
        FarmError: the stack has no repository, or AWS does not answer.
    """
    if stack is None:
        return build(image, network=network)
    farm = find_stack(stack)
    repository = ecr.repository_of(farm)
    uri = f"{repository}:{image.tag}"
    if not set(farm.blenders) <= set(image.blenders.values()):
        versions = and_listed(farm.blenders)
        note = f"The stack {stack!r} renders with Blender {versions}, so its fleet does not take this image."
        print(note, file=sys.stderr)
    # Tags are immutable: an existing tag holds the same build.
    if ecr.has_image(repository, uri):
        print("It is there already.", file=sys.stderr)
    else:
        push(build(image, network=network), uri)
    return uri


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the image that the command line asks for and print its name; return 0 when it is there."""
    parser = argparse.ArgumentParser(prog="python -m tools.image", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "blenders", metavar="VERSION", nargs="+", help=f"{' or '.join(blenders())}, or its full version"
    )
    parser.add_argument("--stack", metavar="NAME", help="push it to the repository of this stack")
    parser.add_argument("--base", metavar="IMAGE", help="build on this image in place of the Dockerfile's own")
    parser.add_argument("--network", metavar="MODE", help="the network of the build, as `docker build` takes it")
    asked = parser.parse_args(arguments)
    try:
        print(make(pick(asked.blenders, base=asked.base), stack=asked.stack, network=asked.network))
    except (Refused, FarmError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
