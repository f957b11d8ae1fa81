"""OpenColorIO configurations: their names and files, as Blender and OpenColorIO find them."""

import json
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from frameloom.client.colour_config import local_config
from frameloom.model.errors import InvalidRequest
from frameloom.model.notices import NoticeKind
from frameloom.services.scene.ocio_config import read_config
from frameloom.services.storage import job_documents
from tests.jobs import BUCKETS
from tests.ocio_configs import CONFIG, NAMES, write_archive, write_config
from tests.scenes import make_scene
from tests.unit.blends import with_text
from tests.unit.memory_farm import MemoryFarm, Terminal, make_png
from tests.unit.preparation import KEY, Farm

TABLES = json.loads((Path(__file__).parents[2] / "src/frameloom/model/colour_names.json").read_text())


def test_the_names_in_blenders_own_configuration_are_those_that_blender_offers() -> None:
    spec = find_spec("bpy")
    assert spec is not None
    assert spec.origin is not None
    (path,) = Path(spec.origin).parent.glob("*/datafiles/colormanagement/config.ocio")
    version = path.parents[2].name
    names = read_config(path, key="own/config.ocio").names
    assert {"views": names.views, "looks": names.looks} == {part: TABLES[version][part] for part in ("views", "looks")}
    # Blender offers no inactive colour spaces.
    assert set(names.spaces) < set(TABLES[version]["spaces"])
    assert {"scene_linear", "Linear Rec.709", "lin_rec709"} <= set(names.spaces)


def test_names_and_files_are_found(tmp_path: Path) -> None:
    config = read_config(write_config(tmp_path / "ocio"), key="studio/ocio/config.ocio")
    assert dict(config.names.views) == {"Projector": ["Warm"]}
    assert dict(config.names.looks) == {"Warm": ["None", "Warm - Golden"]}
    assert {"lin_studio", "Studio Data", "scene_linear"} <= set(config.names.spaces)
    assert "Hidden" not in config.names.spaces
    assert sorted(config.files) == [
        ("studio/ocio/luts/golden.spimtx", "studio/shared/grades/golden.spimtx"),
        ("studio/ocio/luts/screen.spi1d", "studio/shared/grades/screen.spi1d"),
    ]


def test_an_archive_holds_its_files(tmp_path: Path) -> None:
    config = read_config(write_archive(tmp_path / "studio.ocioz"), key="studio.ocioz")
    assert (list(config.names.views), config.files) == (["Projector"], ())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("ocio_profile_version: [", "it is not valid YAML"),
        ("name: none", "it has no ocio_profile_version"),
        (CONFIG.replace("[luts,", "[/studio/luts,"), "its path '/studio/luts' is absolute: make it relative"),
        (CONFIG.replace("screen.spi1d", "../../../../etc/passwd"), "which lies outside the scenes bucket"),
        (CONFIG.replace("screen.spi1d", "$SHOT/screen.spi1d"), "uses the variable SHOT, which workers do not have"),
        ("# " + "x" * 2**23, "it has more than 8,388,608 bytes"),
        ("a: " + "[" * 5000, "it nests more than 100 levels"),
    ],
)
def test_a_configuration_that_workers_cannot_use_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "config.ocio"
    path.write_text(text)
    with pytest.raises(InvalidRequest, match=f"^ocio: .*{problem}"):
        read_config(path, key="config.ocio")


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "studio.ocioz"
    path.write_bytes(b"PK no archive")
    with pytest.raises(InvalidRequest, match=r"no readable \.ocioz archive"):
        read_config(path, key=path.name)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("other.ocio", CONFIG)
    with pytest.raises(InvalidRequest, match=r"the archive has no config\.ocio"):
        read_config(path, key=path.name)


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """A scene whose names only the studio's configuration has."""
    (tmp_path / "film").mkdir()
    scene = make_scene(tmp_path / "film" / "shot.blend")
    for field, name in NAMES.items():
        with_text(scene, *field, text=name)
    return scene


@pytest.fixture
def terminal(
    scene: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Terminal:
    write_config(tmp_path / "ocio")
    monkeypatch.chdir(scene.parent)
    return Terminal(capsys, monkeypatch, MemoryFarm(image=make_png(), stays=True))


def test_the_option_uploads_the_configuration_with_its_files(terminal: Terminal) -> None:
    refused = terminal.run("render", "shot.blend")
    assert (refused.code, "Give the scene's own configuration with `--ocio`" in refused.err) == (2, True)
    ran = terminal.run("render", "shot.blend", "--ocio", "../ocio/config.ocio")
    assert ran.code == 0
    job, store = terminal.farm.job(), terminal.farm.store
    assert (job.settings.ocio or "").endswith("/ocio/config.ocio")
    assert job.scene.assets is not None
    listed = job_documents.read(store, BUCKETS.logs, job.scene.assets.key) or ()
    assert {Path(asset["key"]).name for asset in listed} == {"config.ocio", "screen.spi1d", "golden.spimtx"}
    assert [notice.kind for notice in job.notices or ()] == [NoticeKind.COLOURS]


def test_the_configuration_in_the_environment_is_the_default_and_announced(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("OCIO", str(tmp_path / "ocio" / "config.ocio"))
    for command in ("check", "render"):
        ran = terminal.run(command, "shot.blend")
        assert ran.code == 0
        assert "Colours follow the OpenColorIO configuration 'config.ocio' instead of Blender's own." in ran.err
    monkeypatch.setenv("OCIO", "/nowhere/config.ocio")
    for command in ("check", "render"):
        ran = terminal.run(command, "shot.blend")
        assert ran.code == 2
        assert "ocio: there is no file '/nowhere/config.ocio'. The environment variable OCIO names" in ran.err


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("ocio://default", "takes a file, not 'ocio://default'"),
        ("../ocio", "there is no file '../ocio'"),
        ("shot.blend", "a plain name that ends in .ocio or .ocioz"),
    ],
)
def test_another_file_is_refused(terminal: Terminal, given: str, problem: str) -> None:
    ran = terminal.run("render", "shot.blend", "--ocio", given)
    assert (ran.code, problem in ran.err) == (2, True)


def test_files_outside_its_folder_are_uploaded_only_if_they_are_colour_transforms(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("key")
    path = write_config(tmp_path / "ocio", config=CONFIG.replace("screen.spi1d", "../../secret"))
    with pytest.raises(InvalidRequest, match="outside its folder or hidden, which is no colour transform"):
        local_config(str(path))


def test_a_variable_with_another_value_on_this_machine_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOW", "other")
    with pytest.raises(InvalidRequest, match="the variable SHOW, which is 'other' here and 'grades' on workers"):
        local_config(str(write_config(tmp_path / "ocio")))


def test_a_missing_file_and_an_edited_one_are_noticed_in_the_bucket(scene: Path) -> None:
    farm = Farm(scene.read_bytes())
    request = {"file": KEY, "ocio": "studio/ocio/config.ocio"}

    def put(name: str, text: str) -> None:
        farm.store.put(BUCKETS.scenes, f"studio/{name}", text.encode())

    with pytest.raises(InvalidRequest, match=r"^ocio: bucket 'scenes' has no 'studio/ocio/config\.ocio'"):
        farm.prepare(request)
    put("ocio/config.ocio", CONFIG)
    put("ocio/luts/screen.spi1d", "table")
    with pytest.raises(InvalidRequest, match=r"files that are missing: studio/ocio/luts/golden\.spimtx"):
        farm.prepare(request)
    put("shared/grades/golden.spimtx", "matrix")
    first = farm.prepare(request)["output"]["prefix"]
    assert farm.prepare(request)["output"]["prefix"] == first
    put("shared/grades/golden.spimtx", "another")
    assert farm.prepare(request)["output"]["prefix"] != first


def test_a_film_of_openexr_frames_would_show_other_colours(scene: Path) -> None:
    farm = Farm(scene.read_bytes())
    for name in ("studio.ocio", "luts/screen.spi1d", "luts/golden.spimtx"):
        farm.store.put(BUCKETS.scenes, name, CONFIG.replace(", ../shared/$SHOW", "").encode())
    request = {"file": KEY, "ocio": "studio.ocio", "format": "OPEN_EXR"}
    with pytest.raises(InvalidRequest, match=r"^format: a film of OpenEXR frames shows the colours of Blender's own"):
        farm.prepare(request)
    farm.prepare({**request, "output": "frames"})
