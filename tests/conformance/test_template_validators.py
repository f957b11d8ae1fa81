"""SAM, cfn-lint and checkov find no fault in the templates, and find planted faults."""

import json
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from frameloom.local.template import local_template
from tests.conformance.farm_template import CLUSTER, TEMPLATE
from tests.conformance.toolbox import ROOT, cfn_lint, checkov, sam_validate

# The findings of a validator, by file.
Findings = dict[Path, list[dict[str, Any]]]

# The minimum length of a reason, in characters.
SHORTEST_REASON = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A change of one template's text that a rule must see, in the resource that it names."""

    file: Path
    sound: str
    faulty: str
    rule: str
    resource: str


TO_LINT = {
    "an error": Fault(
        file=TEMPLATE,
        sound="VisibilityTimeout: 120",
        faulty="VisibilityTimeout: soon",
        rule="E3012",
        resource="ChunkQueue",
    ),
    "no more than a warning": Fault(
        file=CLUSTER,
        sound="!If [NatInEachZone, !Ref NatGateway3, !Ref NatGateway1]",
        faulty="!If [NatInEachZone, !Ref NatGateway3, !Ref NatGateway2]",
        rule="W1001",
        resource="PrivateDefaultRoute3",
    ),
    "a parameter that the nested stack does not take": Fault(
        file=TEMPLATE,
        sound="AdminArn: !Ref ClusterAdminArn",
        faulty="Admin: !Ref ClusterAdminArn",
        rule="E3043",
        resource="EksCluster",
    ),
}
TO_CHECK = {
    "a bucket that may become public": Fault(
        file=TEMPLATE,
        sound="BlockPublicPolicy: true",
        faulty="BlockPublicPolicy: false",
        rule="CKV_AWS_54",
        resource="AWS::S3::Bucket.ScenesBucket",
    ),
    "a role that may do everything": Fault(
        file=TEMPLATE,
        sound="s3:GetObject\n                Resource: !Sub ${LogBucket.Arn}/jobs/*/facts.json\n\n  Plan",
        faulty='"*"\n                Resource: "*"\n\n  Plan',
        rule="CKV_AWS_110",
        resource="AWS::IAM::Role.PrepareJobFunctionRole",
    ),
    "a function without its exception": Fault(
        file=TEMPLATE,
        sound="Metadata: *awaited\n    Properties:\n      Description: List",
        faulty="Properties:\n      Description: List",
        rule="CKV_AWS_116",
        resource="AWS::Serverless::Function.PlanChunksFunction",
    ),
    "a cluster without its exception": Fault(
        file=CLUSTER,
        sound="id: CKV_AWS_58",
        faulty="id: CKV_AWS_38",
        rule="CKV_AWS_58",
        resource="AWS::EKS::Cluster.Cluster",
    ),
}


def plant(faults: Iterable[Fault], folder: Path) -> Path:
    """Write both templates with planted faults, and links to their files; return the folder."""
    (folder / "cluster").mkdir()
    for name in ("functions", "src", "statemachine"):
        (folder / name).symlink_to(ROOT / name)
    for file in (TEMPLATE, CLUSTER):
        text = file.read_text(encoding="utf-8")
        for fault in faults:
            if fault.file == file:
                assert text.count(fault.sound) == 1
                text = text.replace(fault.sound, fault.faulty)
        (folder / file.relative_to(ROOT)).write_text(text, encoding="utf-8")
    return folder


def by_file(findings: Iterable[dict[str, Any]], field: str) -> Findings:
    """Return findings by the file that they are in."""
    found: Findings = {}
    for finding in findings:
        found.setdefault(Path(finding[field]), []).append(finding)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """The validators' runs, two at a time: each takes ten seconds of one core, most of it to start."""

    sam: Future[CompletedProcess[str]]
    sam_of_a_fault: Future[CompletedProcess[str]]
    cfn_lint: Future[list[dict[str, Any]]]
    checkov: Future[dict[str, list[dict[str, Any]]]]
    to_lint: Path
    to_check: Path
    by_sam: Path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    fault = plant([TO_LINT["an error"]], tmp_path_factory.mktemp("fault"))
    to_lint = plant(TO_LINT.values(), tmp_path_factory.mktemp("lint"))
    to_check = plant(TO_CHECK.values(), tmp_path_factory.mktemp("check"))
    by_sam = tmp_path_factory.mktemp("sam") / "template.json"
    whole = local_template(TEMPLATE, {"Cluster": "create"}, leave_out=())
    by_sam.write_text(json.dumps(whole, indent=1), encoding="utf-8")
    files = [path.relative_to(ROOT) for path in (TEMPLATE, CLUSTER)]
    with ThreadPoolExecutor(2) as pool:
        yield Runs(
            sam=pool.submit(sam_validate, TEMPLATE),
            sam_of_a_fault=pool.submit(sam_validate, fault / TEMPLATE.name),
            cfn_lint=pool.submit(cfn_lint, [TEMPLATE, CLUSTER, *(to_lint / file for file in files)]),
            checkov=pool.submit(checkov, [TEMPLATE, CLUSTER, by_sam, *(to_check / file for file in files)]),
            to_lint=to_lint,
            to_check=to_check,
            by_sam=by_sam,
        )


class TestSam:
    def test_the_template_is_valid(self, runs: Runs) -> None:
        ended = runs.sam.result()
        assert ended.returncode == 0, ended.stderr + ended.stdout

    def test_a_planted_fault_is_found(self, runs: Runs) -> None:
        ended = runs.sam_of_a_fault.result()
        assert ended.returncode != 0
        assert "'soon' is not of type 'integer'" in ended.stdout + ended.stderr


class TestCfnLint:
    @pytest.fixture(scope="class")
    def faulty(self, runs: Runs) -> Path:
        return runs.to_lint

    @pytest.fixture(scope="class")
    def findings(self, runs: Runs) -> Findings:
        return by_file(runs.cfn_lint.result(), "Filename")

    @pytest.mark.parametrize("file", [TEMPLATE, CLUSTER], ids=lambda file: file.name)
    def test_it_finds_nothing_not_even_a_warning(self, file: Path, findings: Findings) -> None:
        assert findings.get(file, []) == []

    @pytest.mark.parametrize("name", TO_LINT)
    def test_a_planted_fault_is_found(self, name: str, faulty: Path, findings: Findings) -> None:
        fault = TO_LINT[name]
        found = findings[faulty / fault.file.relative_to(ROOT)]
        assert fault.resource in {
            finding["Location"]["Path"][1] for finding in found if finding["Rule"]["Id"] == fault.rule
        }


class TestCheckov:
    """It checks the templates, and SAM's output for the main one, which has SAM's own resources."""

    @pytest.fixture(scope="class")
    def faulty(self, runs: Runs) -> Path:
        return runs.to_check

    @pytest.fixture(scope="class")
    def by_sam(self, runs: Runs) -> Path:
        return runs.by_sam

    @pytest.fixture(scope="class")
    def results(self, runs: Runs) -> dict[str, Findings]:
        """The checks by outcome and file."""
        found = runs.checkov.result()
        outcomes = ("passed_checks", "failed_checks", "skipped_checks")
        return {outcome: by_file(found[outcome], "file_abs_path") for outcome in outcomes}

    def test_every_finding_has_a_reason(self, by_sam: Path, results: dict[str, Findings]) -> None:
        for file in (TEMPLATE, CLUSTER, by_sam):
            failed = results["failed_checks"].get(file, [])
            assert [f"{check['resource']}: {check['check_id']} {check['check_name']}" for check in failed] == []
            reasons = [check["check_result"]["suppress_comment"] for check in results["skipped_checks"][file]]
            assert [reason for reason in reasons if len(reason) < SHORTEST_REASON] == []

    def test_it_checks_functions_our_roles_and_sam_s_role(self, by_sam: Path, results: dict[str, Findings]) -> None:
        ours, made = ({check["resource"] for check in results["passed_checks"][file]} for file in (TEMPLATE, by_sam))
        assert {"AWS::Serverless::Function.SubmitJobFunction", "AWS::IAM::Role.WorkerRole"} <= ours
        assert {"AWS::Lambda::Function.SubmitJobFunction", "AWS::IAM::Role.RenderJobSceneUploadedRole"} <= made

    @pytest.mark.parametrize("name", TO_CHECK)
    def test_a_planted_fault_is_found(self, name: str, faulty: Path, results: dict[str, Findings]) -> None:
        fault = TO_CHECK[name]
        found = results["failed_checks"][faulty / fault.file.relative_to(ROOT)]
        assert (fault.rule, fault.resource) in {(check["check_id"], check["resource"]) for check in found}
