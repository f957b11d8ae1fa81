"""The worker's image, as far as it can be judged without building it: its Dockerfile, its requirements, its tag."""

import importlib.metadata
import json
import re
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from frameloom.aws import ecr
from tests.conformance.farm_template import resources
from tests.conformance.toolbox import ROOT, run
from tools import image, system_libraries, worker_requirements
from tools.worker_requirements import hashes, pins

DOCKERFILE = (ROOT / image.DOCKERFILE).read_text(encoding="utf-8")
FOLDER = ROOT / image.REQUIREMENTS
REQUIREMENTS = sorted(FOLDER.glob("*.txt"))
LOCK = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
LOCKED = {package["name"]: package for package in LOCK}


def installed(stage: str) -> set[str]:
    """Return the Debian packages that a stage of the Dockerfile installs."""
    (command,) = re.findall(r"--no-install-recommends ((?:[^&]|\\\n)+?)(?: \\\n    &&|\n\n)", stage)
    return set(command.replace("\\\n", " ").split())


class TestDockerfile:
    *_, shipped = re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)

    def test_it_installs_the_libraries_of_blender_and_little_else(self) -> None:
        wanted = set(system_libraries.PACKAGES.values())
        assert installed(self.shipped) == wanted | {"ca-certificates", "python3.11", "tini"}

    def test_its_base_image_is_pinned_by_digest(self) -> None:
        assert re.search(r"^ARG BASE_IMAGE=debian:bookworm-slim@sha256:[0-9a-f]{64}$", DOCKERFILE, re.MULTILINE)
        assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"${BASE_IMAGE}", "pip"}

    def test_it_runs_as_an_unprivileged_user(self) -> None:
        assert "USER 10001:10001" in self.shipped

    def test_rarely_changed_layers_come_first(self) -> None:
        apt, *copies = re.findall(r"^(RUN apt-get|COPY --from=[\w.-]+ \S+)", self.shipped, re.MULTILINE)
        assert [apt, *copies] == [
            "RUN apt-get",
            *(f"COPY --from=blender-{series} /blenders" for series in worker_requirements.BLENDERS),
            "COPY --from=worker /packages",
            "COPY --from=worker /app",
        ]

    def test_the_shipped_image_has_no_pip(self) -> None:
        assert "pip" not in self.shipped

    def test_every_copied_file_is_in_its_context(self) -> None:
        """What .dockerignore keeps out is not there to be copied."""
        rules = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
        let_in = [rule.removeprefix("!") for rule in rules if rule.startswith("!")]
        for path in image.inputs(["4.5", "5.0"]):
            assert any(str(path) == rule or str(path).startswith(f"{rule}/") for rule in let_in), path


class TestRequirements:
    def test_each_blender_has_requirements_and_our_code_supports_all(self) -> None:
        assert {path.stem for path in REQUIREMENTS} == {*worker_requirements.BLENDERS, "worker"}
        assert image.blenders() == worker_requirements.BLENDERS

    @pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.stem)
    def test_they_have_the_versions_of_uv_lock(self, path: Path) -> None:
        """`python tools/worker_requirements.py` makes them so."""
        text = path.read_text(encoding="utf-8")
        for name, version in pins(text).items():
            if name == "bpy" and path.stem != "4.5":
                continue
            locked = LOCKED[name]
            files = [*locked.get("wheels", ()), *([locked["sdist"]] if "sdist" in locked else ())]
            assert version == locked["version"], name
            assert hashes(text)[name] <= {file["hash"] for file in files}, name

    @pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.stem)
    def test_every_requirement_has_a_hash(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        lines = [line for line in text.splitlines() if line and not line.startswith(("#", " "))]
        assert len(lines) == len(pins(text))
        assert all(hashes(text)[name] for name in pins(text))

    def test_they_contain_all_dependencies_of_blender_and_our_code(self) -> None:
        """pip installs them without looking: `--no-deps`."""
        for series in worker_requirements.BLENDERS:
            texts = [(FOLDER / f"{name}.txt").read_text(encoding="utf-8") for name in (series, "worker")]
            there = pins(texts[0]) | pins(texts[1])
            for name in there:
                asked = {need["name"] for need in LOCKED[name].get("dependencies", ()) if "marker" not in need}
                assert asked <= set(there), f"{name} needs {asked - set(there)}"

    def test_a_blender_comes_alone_and_shares_all_other_packages(self) -> None:
        for series, version in worker_requirements.BLENDERS.items():
            assert pins((FOLDER / f"{series}.txt").read_text(encoding="utf-8")) == {"bpy": version}
        assert "bpy" not in pins((FOLDER / "worker.txt").read_text(encoding="utf-8"))

    def test_each_blender_has_a_layer_of_its_own(self) -> None:
        stages = re.findall(r"^FROM pip AS blender-(\S+)\nARG BLENDER_(\S+)=\S*\nCOPY (\S+) ", DOCKERFILE, re.MULTILINE)
        assert stages == [
            (series, series.replace(".", "_"), f"worker/requirements/{series}.txt")
            for series in worker_requirements.BLENDERS
        ]

    def test_the_blender_of_this_machine_is_one_of_them(self) -> None:
        assert importlib.metadata.version("bpy") in worker_requirements.BLENDERS.values()


class TestTag:
    def test_it_is_the_blenders_and_twelve_digits(self) -> None:
        assert re.fullmatch(r"4\.5\.15-[0-9a-f]{12}", image.pick(["4.5"]).tag)
        both = image.pick(["5.0", "4.5"]).tag
        assert re.fullmatch(r"4\.5\.15_5\.0\.1-[0-9a-f]{12}", both)
        assert ecr.tagged_blenders(both) == set(worker_requirements.BLENDERS.values())

    def test_the_same_input_has_the_same_tag(self) -> None:
        assert image.pick(["4.5"]).tag == image.pick(["4.5.15"]).tag

    def test_another_blender_or_another_base_has_another_tag(self) -> None:
        both = image.pick(["5.0", "4.5"])
        chosen = [image.pick(["4.5"]), image.pick(["5.0"]), both, image.pick(["4.5"], base="mine:1")]
        assert len({each.tag.partition("-")[2] for each in chosen}) == 4

    def test_every_file_of_the_image_changes_the_tag(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        files = image.inputs(["4.5"])
        for path in files:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes((ROOT / path).read_bytes())
        monkeypatch.setattr(image, "ROOT", tmp_path)
        tags = {image.pick(["4.5"]).tag}
        for path in files:
            with (tmp_path / path).open("a", encoding="utf-8") as file:
                file.write("\n")
            tags.add(image.pick(["4.5"]).tag)
        assert len(tags) == len(files) + 1
        new = tmp_path / "worker/new.py"
        new.touch()
        assert image.pick(["4.5"]).tag not in tags

    def test_compiled_files_do_not_change_the_tag(self) -> None:
        assert not [path for path in image.inputs(["4.5"]) if path.suffix == ".pyc"]

    def test_only_the_requirements_of_its_blender_change_the_tag(self) -> None:
        paths = {str(path) for path in image.inputs(["5.0"])}
        assert paths >= {"worker/Dockerfile", "worker/requirements/5.0.txt", "worker/requirements/worker.txt"}
        assert "worker/requirements/4.5.txt" not in paths

    def test_the_image_has_exactly_the_modules_that_the_worker_imports(self) -> None:
        script = (
            "import os, sys, worker.__main__, worker.health, worker.inspect_scene, worker.service\n"
            "import worker.blender_process.__main__, worker.blender_process.session\n"
            # The worker imports it with the first OpenEXR frame.
            "import frameloom.services.images.exr_pixels\n"
            "for name in sorted(sys.modules):\n"
            "    if name.partition('.')[0] in ('frameloom', 'worker') and sys.modules[name].__file__: \n"
            "        print(sys.modules[name].__file__)\n"
            "sys.stdout.flush()\n"
            "os._exit(0)\n"
        )
        loaded = run([sys.executable, "-c", script]).stdout.splitlines()
        needed = {path.relative_to(ROOT) for line in loaded if (path := Path(line)).is_relative_to(ROOT)}
        given = {path for path in image.inputs(["4.5"]) if path.suffix == ".py"}
        assert needed <= given
        whole = {Path("src/frameloom/model"), Path("src/frameloom/services/scene")}
        assert {path for path in given - needed if path.parent not in whole} == set()


@dataclass(frozen=True, slots=True, kw_only=True)
class Artefact:
    """Something in a repository, pushed so many days ago."""

    build: int
    tagged: bool
    days: int


class TestTheRepository:
    """The images that its lifecycle policy keeps, by the rules of ECR's user guide."""

    policy: dict[str, Any] = json.loads(
        resources["WorkerRepository"]["Properties"]["LifecyclePolicy"]["LifecyclePolicyText"]
    )

    def kept(self, artefacts: list[Artefact]) -> list[Artefact]:
        for rule in sorted(self.policy["rules"], key=lambda rule: rule["rulePriority"]):
            choice, left = rule["selection"], sorted(artefacts, key=lambda each: each.days)
            tagged = {each.build for each in artefacts if each.tagged}
            # The images of an existing index are never deleted.
            met = [
                each
                for each in left
                if (choice["tagStatus"] == "any" or each.tagged == (choice["tagStatus"] == "tagged"))
                and (each.tagged or each.build not in tagged or choice["tagStatus"] == "any")
            ]
            if choice["countType"] == "imageCountMoreThan":
                gone = met[choice["countNumber"] :]
            else:
                gone = [each for each in met if each.days > choice["countNumber"]]
            artefacts = [each for each in artefacts if each not in gone]
        return artefacts

    @pytest.mark.parametrize("statements", [0, 2], ids=["by make image", "with provenance"])
    def test_ten_builds_are_kept_with_any_number_of_artefacts(self, statements: int) -> None:
        builds = [
            Artefact(build=number, tagged=part == 0, days=3 * number)
            for number in range(14)
            for part in range(1 + statements)
        ]
        assert {each.build for each in self.kept(builds) if each.tagged} == set(range(10))

    def test_parts_of_a_deleted_build_are_deleted_too(self) -> None:
        assert self.kept([Artefact(build=1, tagged=False, days=2)]) == []
