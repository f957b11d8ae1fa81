"""The real SAM CLI deploys the real template to ministack: a job renders, the stack is updated and deleted.

Each fixture is a stage of the farm and follows the fixture that it takes; it returns the observed state. The tests
check these states, in any order.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from tests.deploy import farm, probes
from tests.deploy.account import Account
from tests.deploy.build import LAYER, Build
from tests.deploy.farm import Deployed, Job
from tests.deploy.gaps import ALARM, POD_IDENTITY, read, refused
from tests.deploy.inventory import LISTED, PARTS, inventory
from tests.scenes import make_scene
from tests.video_probe import probe

# On two busy cores, the build, each deployment and each job take half a minute.
pytestmark = pytest.mark.timeout(600)

# The template's conditions that are true for farm.CLUSTER; an unconditional resource has None.
IS_TRUE = {None, "HasCluster", "OwnKedaRole"}

SIZE, FPS, FRAMES = (64, 36), 24, (1, 5)


@pytest.fixture(scope="module")
def before(account: Account) -> set[tuple[str, str]]:
    """The resources of the new account."""
    return inventory(account)


@pytest.fixture(scope="module")
def deployed(account: Account, built: Build, before: set[tuple[str, str]]) -> Deployed:  # noqa: ARG001
    """The stack, with the dev environment of samconfig.toml."""
    return farm.deploy(account, built, environment="dev")


@pytest.fixture(scope="module")
def worker(account: Account, deployed: Deployed, folder: Path) -> Iterator[None]:
    """A real worker with a real Blender."""
    scratch = folder / "worker"
    scratch.mkdir()
    with farm.working(account, deployed.outputs, folder=scratch):
        yield


@pytest.fixture(scope="module")
def uploaded(account: Account, deployed: Deployed, worker: None, folder: Path) -> Job:  # noqa: ARG001
    """The job of a scene that was only uploaded to the bucket."""
    scene = make_scene(folder / "shot.blend", frames=FRAMES, size=SIZE, fps=FPS)
    farm.upload(account, deployed.outputs, scene)
    return farm.end_of_job(account, deployed.outputs, number=1, film=folder / "uploaded.mp4")


@pytest.fixture(scope="module")
def refusals(account: Account, deployed: Deployed) -> tuple[str, str]:
    """The error of `submit_job` for a missing scene, with the deployed permissions and without them."""
    with_rights = probes.ask_for_a_scene_that_is_absent(account, deployed)
    with probes.without_its_rights(account, deployed, probes.SUBMIT):
        return with_rights, probes.ask_for_a_scene_that_is_absent(account, deployed)


@pytest.fixture(scope="module")
def announced(account: Account, deployed: Deployed, uploaded: Job) -> tuple[str | None, str | None]:
    """The topic's messages at the end of a job of this stack, and of a job of another stack."""
    ours = deployed.outputs["StateMachineArn"]
    return (
        probes.announce(account, deployed, uploaded.output, resources=[ours]),
        probes.announce(account, deployed, uploaded.output, resources=[f"{ours}-of-another"]),
    )


@pytest.fixture(scope="module")
def changed(account: Account, built: Build, uploaded: Job) -> Deployed:  # noqa: ARG001
    """The same stack, with the prod environment of samconfig.toml: other logs, kept for longer."""
    return farm.deploy(account, built, environment="prod")


@pytest.fixture(scope="module")
def again(account: Account, changed: Deployed, worker: None, folder: Path) -> Job:  # noqa: ARG001
    """A job of the changed stack on the same scene with two more frames, started as the console does."""
    farm.start(account, changed.outputs, {"file": "shot.blend", "start": "1", "end": "7"})
    return farm.end_of_job(account, changed.outputs, number=2, film=folder / "again.mp4")


@pytest.fixture(scope="module")
def rendered(account: Account, again: Job, folder: Path) -> dict[str, Any]:  # noqa: ARG001
    """The command line's JSON for the same scene with one more frame, on the deployed farm."""
    return farm.render(account, folder / "shot.blend", frames="1-8", out=folder / "out")


@pytest.fixture(scope="module")
def kept(
    account: Account,
    refusals: tuple[str, str],  # noqa: ARG001
    announced: tuple[str | None, str | None],  # noqa: ARG001
    rendered: dict[str, Any],  # noqa: ARG001
) -> set[tuple[str, str]]:
    """The resources after the farm is deleted and its frames are kept."""
    return farm.delete(account)


@pytest.fixture(scope="module")
def left(account: Account, kept: set[tuple[str, str]]) -> set[tuple[str, str]]:  # noqa: ARG001
    """The resources after the frames are deleted as well."""
    return farm.delete(account, "--frames")


class TestDeployed:
    def test_the_stack_is_complete(self, deployed: Deployed) -> None:
        assert deployed.status == "CREATE_COMPLETE"

    def test_every_resource_of_the_template_is_deployed(self, deployed: Deployed, built: Build) -> None:
        template = read(built.template)
        wanted = {name for name, resource in template["Resources"].items() if resource.get("Condition") in IS_TRUE}
        wanted -= {name for name, resource in refused(template).items() if resource["Type"] != ALARM}
        # SAM names a layer by its content.
        named = {name[:-10] if name.startswith(LAYER) else name for name in deployed.resources}
        assert wanted - named == set()
        promised = {name for name, output in template["Outputs"].items() if output.get("Condition") in IS_TRUE}
        assert promised <= set(deployed.outputs)

    def test_the_functions_are_for_arm64(self, deployed: Deployed) -> None:
        assert deployed.functions
        for function in deployed.functions.values():
            assert function["Architectures"] == ["arm64"]
            assert function["Runtime"] == "python3.13"

    def test_the_inventory_sees_each_kind_of_resource(self, deployed: Deployed) -> None:
        # A kind that it does not list could be left over unnoticed.
        made = {(kind, physical) for kind, physical in deployed.resources.values() if kind not in PARTS}
        assert {kind for kind, _ in made} <= LISTED
        assert made <= deployed.inventory


class TestFilm:
    def test_an_uploaded_scene_becomes_a_film_in_its_folder(self, uploaded: Job) -> None:
        assert uploaded.status == "SUCCEEDED", uploaded.output
        assert {"shot.blend", "shot.mp4"} <= uploaded.objects

    def test_the_film_decodes_and_has_the_scenes_size_and_frames(self, uploaded: Job) -> None:
        assert uploaded.film is not None
        facts = probe(uploaded.film)
        assert (facts.frames, facts.size, facts.fps) == (5, SIZE, Fraction(FPS))

    def test_the_worker_rendered_its_chunk(self, uploaded: Job) -> None:
        assert uploaded.output["frames"] == {"total": 5, "rendered": 5, "reused": 0, "missing": 0}


class TestAccess:
    def test_a_function_has_the_permissions_of_its_role_only(self, refusals: tuple[str, str]) -> None:
        # The other tests prove permissions only if ministack enforces roles.
        with_rights, without = refusals
        assert "absent.blend" in with_rights
        assert "403" in without


class TestAnnounced:
    def test_the_end_of_a_job_is_announced_with_the_address_of_its_report(
        self, uploaded: Job, announced: tuple[str | None, str | None]
    ) -> None:
        # The test sends the machine's own event: in AWS, Step Functions adds the machine's ARN to the event and the
        # rule matches it; ministack adds none.
        text, _ = announced
        assert text is not None
        assert f"Job {uploaded.output['job_id']} of {farm.STACK}: succeeded." in text
        assert f"s3://{uploaded.output['report']['bucket']}/{uploaded.output['report']['key']}" in text

    def test_the_jobs_of_another_stack_are_not_announced(self, announced: tuple[str | None, str | None]) -> None:
        assert announced[1] is None


class TestChanged:
    def test_the_update_changes_the_deployed_resources(self, deployed: Deployed, changed: Deployed) -> None:
        assert changed.status == "UPDATE_COMPLETE"
        levels = [
            {function["LoggingConfig"]["ApplicationLogLevel"] for function in stack.functions.values()}
            for stack in (deployed, changed)
        ]
        assert levels == [{"DEBUG"}, {"INFO"}]
        assert [set(stack.retention.values()) for stack in (deployed, changed)] == [{30}, {365}]

    def test_the_update_replaces_no_resource(self, deployed: Deployed, changed: Deployed) -> None:
        assert changed.resources == deployed.resources

    def test_earlier_frames_are_kept_and_reused(self, uploaded: Job, again: Job) -> None:
        assert again.status == "SUCCEEDED", again.output
        assert again.output["frames"] == {"total": 7, "rendered": 2, "reused": 5, "missing": 0}
        assert uploaded.objects < again.objects
        assert again.film is not None
        assert probe(again.film).frames == 7


class TestCommandLine:
    def test_the_command_renders_the_missing_frames_and_downloads_all(self, rendered: dict[str, Any]) -> None:
        assert rendered["frames"] == {"total": 8, "rendered": 1, "reused": 7, "missing": 0}
        assert len(list(Path(rendered["paths"]["frames"]).iterdir())) == 8
        assert probe(Path(rendered["paths"]["video"])).frames == 8


class TestDeleted:
    def test_only_the_frames_are_kept(
        self, before: set[tuple[str, str]], deployed: Deployed, kept: set[tuple[str, str]]
    ) -> None:
        assert deployed.inventory > before
        assert kept - before == {("AWS::S3::Bucket", deployed.outputs["FramesBucketName"])}

    def test_no_resource_is_left_over_after_the_frames_are_deleted(
        self, before: set[tuple[str, str]], left: set[tuple[str, str]]
    ) -> None:
        assert left == before


@pytest.mark.parametrize(
    ("resource", "said"),
    [
        ({"Type": ALARM, "Properties": {"Metrics": [{"Id": "one", "Expression": "1"}]}}, "metric math"),
        ({"Type": POD_IDENTITY, "Properties": {"ClusterName": "elsewhere"}}, "Unrecognized resource types"),
    ],
)
def test_every_replaced_resource_is_refused_by_ministack(
    account: Account, built: Build, resource: dict[str, Any], said: str
) -> None:
    assert resource["Type"] in {each["Type"] for each in refused(read(built.template)).values()}
    reasons = probes.reasons_for_refusal(account, resource)
    assert any(said in reason for reason in reasons), f"ministack has learned, see gaps.py: {reasons}"
