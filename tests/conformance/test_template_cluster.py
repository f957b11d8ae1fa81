"""The template's parameters and outputs, and the cluster that it makes, takes or does without."""

import re
import tomllib
from typing import Any, ClassVar, get_args

import pytest

from frameloom.aws.stack import stack_of
from frameloom.model.settings import Device
from tests.conformance.farm_template import cluster, of_type, references, resources, template
from tests.conformance.toolbox import ROOT

PARAMETERS: dict[str, dict[str, Any]] = template["Parameters"]
CONDITIONS: dict[str, Any] = template["Conditions"]
OUTPUTS: dict[str, dict[str, Any]] = template["Outputs"]
NETWORK: dict[str, dict[str, Any]] = cluster["Resources"]

CHOICES = ("create", "existing", "none")
ZONES = "eu-central-1a,eu-central-1b,eu-central-1c"


def holds(condition: Any, values: dict[str, str]) -> bool:
    """Return whether a condition, or a rule's assertion, holds for the parameters' values."""
    ((function, argument),) = condition.items()
    if function == "Fn::Equals":
        left, right = (values[item["Ref"]] if isinstance(item, dict) else item for item in argument)
        return bool(left == right)
    if function == "Fn::Not":
        return not holds(argument[0], values)
    if function == "Fn::And":
        return all(holds(each, values) for each in argument)
    assert function == "Condition"
    return holds(CONDITIONS[argument], values)


def given(**values: str) -> dict[str, str]:
    """Return every parameter's value: its default, or the zones of a new cluster, where it is not given another."""
    defaults = {name: parameter["Default"] for name, parameter in PARAMETERS.items()} | {"Zones": ZONES}
    return defaults | values


def there(values: dict[str, str]) -> set[str]:
    """Return which resources and outputs there are with these values."""
    found = {**resources, **OUTPUTS}
    return {
        name for name, each in found.items() if "Condition" not in each or holds(CONDITIONS[each["Condition"]], values)
    }


def complaints(values: dict[str, str]) -> list[str]:
    """Return CloudFormation's rule violations for these values."""
    return [
        assertion["AssertDescription"]
        for rule in template["Rules"].values()
        if holds(rule["RuleCondition"], values)
        for assertion in rule["Assertions"]
        if not holds(assertion["Assert"], values)
    ]


class TestParameters:
    def test_each_has_a_description_a_default_and_a_group(self) -> None:
        groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
        shown = [name for group in groups for name in group["Parameters"]]
        assert sorted(shown) == sorted(PARAMETERS)
        for name, parameter in PARAMETERS.items():
            assert parameter["Description"], name
            assert "Default" in parameter, name

    def test_the_zones_and_the_defaults_can_be_deployed(self) -> None:
        assert complaints(given()) == []

    @pytest.mark.parametrize("choice", ["existing", "none"])
    def test_without_a_new_cluster_the_defaults_alone_can_be_deployed(self, choice: str) -> None:
        name = "ours" if choice == "existing" else ""
        assert complaints(given(Cluster=choice, ClusterName=name, Zones="")) == []

    @pytest.mark.parametrize("zones", ["a", "a,b", "a,b,c,d", "a, b, c", "a,b,"])
    def test_other_than_three_zones_are_refused(self, zones: str) -> None:
        pattern = PARAMETERS["Zones"]["AllowedPattern"]
        assert re.fullmatch(pattern, zones) is None
        assert re.fullmatch(pattern, ZONES)
        assert re.fullmatch(pattern, PARAMETERS["Zones"]["Default"])

    @pytest.mark.parametrize(
        ("values", "complaint"),
        [
            ({"Cluster": "existing"}, "Cluster=existing needs ClusterName"),
            ({"Cluster": "create", "Zones": ""}, "Cluster=create needs Zones. Use the output of"),
            ({"Cluster": "create", "ClusterName": "ours"}, "ClusterName is only allowed with Cluster=existing"),
            ({"Cluster": "none", "ClusterAdminArn": "arn:aws:iam::1:role/a"}, "ClusterAdminArn is only allowed with"),
            ({"Cluster": "create", "KedaRoleName": "keda"}, "KedaRoleName is only allowed with Cluster=existing"),
        ],
    )
    def test_contradictory_parameters_are_refused_with_a_sentence(self, values: dict[str, str], complaint: str) -> None:
        (said,) = complaints(given(**values))
        assert said.startswith(complaint)

    def test_every_device_of_a_farm_is_valid_in_a_request(self) -> None:
        assert PARAMETERS["CyclesDevice"]["AllowedValues"] == list(get_args(Device))


class TestSamconfig:
    CONFIG: ClassVar[dict[str, Any]] = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))

    @pytest.mark.parametrize("environment", ["dev", "prod"])
    def test_its_values_are_valid_in_the_template(self, environment: str) -> None:
        text = self.CONFIG[environment]["deploy"]["parameters"]["parameter_overrides"]
        values = dict(pair.split("=") for pair in text.split())
        for name, value in values.items():
            allowed = PARAMETERS[name].get("AllowedValues")
            assert allowed is None or value in map(str, allowed), name
        assert complaints(given(**values)) == []

    @pytest.mark.parametrize("environment", ["default", "dev", "prod"])
    def test_each_deploys_with_roles_and_a_nested_stack(self, environment: str) -> None:
        parameters = self.CONFIG[environment]["deploy"]["parameters"]
        assert parameters["resolve_s3"] is True
        assert parameters["capabilities"] == ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]


class TestTheDeployPage:
    """The documentation of the first deployment in an account."""

    PAGE: ClassVar[str] = (ROOT / "docs/operator.md").read_text(encoding="utf-8")
    # The first that finds wheels for Python 3.13 on arm64, which are manylinux_2_28 and later.
    SAM: ClassVar[tuple[int, int]] = (1, 140)

    def test_each_page_names_the_minimum_version_of_sam(self) -> None:
        least = ".".join(map(str, self.SAM))
        pages = [self.PAGE, *((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "samconfig.toml"))]
        assert [page[:80] for page in pages if not re.search(rf"\b{re.escape(least)}\b", page)] == []
        locked = tomllib.loads((ROOT / "tools/sam/uv.lock").read_text(encoding="utf-8"))["package"]
        (version,) = (package["version"] for package in locked if package["name"] == "aws-sam-cli")
        assert tuple(map(int, version.split(".")[:2])) >= self.SAM

    def test_the_quota_that_a_new_account_lacks_comes_first(self) -> None:
        section = self.PAGE.partition("## In an AWS account\n")[2]
        first = section.strip().partition("\n\n")[0]
        assert "*Concurrent executions*" in first
        assert "`EncodersAtOnce=" in first

    def test_every_parameter_is_explained(self) -> None:
        assert [name for name in PARAMETERS if f"`{name}`" not in self.PAGE] == []

    def test_the_steps_of_a_first_deployment_are_in_the_order_of_their_cost(self) -> None:
        section = self.PAGE.partition("### Steps of a first deployment\n")[2].partition("\n### ")[0]
        steps = re.findall(r"^(\d)\. (.+?)(?=^\d\. |\Z)", section, flags=re.MULTILINE | re.DOTALL)
        named = [
            "--config-env dev",
            "`WorkerPolicyArn`",
            "frameloom cancel",
            "StuckMinutes=",
            "`LogLevel=WARN`",
            "2,000",
        ]
        for (_, text), what in zip(steps, [*named, "frameloom fleet zones"], strict=True):
            assert what in text


class TestTheChoiceOfACluster:
    def test_it_has_three_values_and_creates_a_cluster_by_default(self) -> None:
        assert PARAMETERS["Cluster"]["AllowedValues"] == list(CHOICES)
        assert PARAMETERS["Cluster"]["Default"] == "create"

    def test_one_is_created_only_when_asked_for(self) -> None:
        assert [choice for choice in CHOICES if "EksCluster" in there(given(Cluster=choice))] == ["create"]

    @pytest.mark.parametrize("choice", ["create", "existing"])
    def test_a_new_and_an_existing_cluster_have_roles_for_workers_and_keda(self, choice: str) -> None:
        found = there(given(Cluster=choice))
        assert {"WorkerRole", "WorkerIdentity", "KedaRole", "KedaIdentity"} <= found
        assert {"ClusterName", "WorkerRoleArn", "KedaRoleArn"} <= found
        assert "SharedKedaPolicy" not in found

    def test_without_one_there_are_no_roles_for_pods(self) -> None:
        found = there(given(Cluster="none"))
        assert found.isdisjoint({"WorkerRole", "WorkerIdentity", "KedaRole", "KedaIdentity", "SharedKedaPolicy"})
        assert found.isdisjoint({"ClusterName", "WorkerRoleArn", "KedaRoleArn"})

    def test_two_stacks_can_share_a_cluster_whose_keda_has_one_role(self) -> None:
        found = there(given(Cluster="existing", ClusterName="ours", KedaRoleName="first"))
        assert {"SharedKedaPolicy", "KedaRoleArn", "WorkerRole"} <= found
        assert found.isdisjoint({"KedaRole", "KedaIdentity"})

    @pytest.mark.parametrize("choice", CHOICES)
    def test_no_reference_leads_to_a_missing_resource(self, choice: str) -> None:
        found = there(given(Cluster=choice, ClusterName="ours" if choice == "existing" else ""))
        known = found | set(PARAMETERS) | {"SharedLayer", "RenderJobSceneUploaded", "LogJobFunctionJobStopped"}
        for name in found:
            section = resources.get(name) or OUTPUTS[name]
            used = {each for each in references(chosen(section, Cluster=choice)) if not each.startswith("AWS::")}
            assert used <= known, name

    def test_the_nested_stack_gets_its_parameters(self) -> None:
        nested = resources["EksCluster"]["Properties"]
        assert (ROOT / nested["TemplateURL"]).is_file()
        assert set(nested["Parameters"]) == set(cluster["Parameters"])
        assert "ClusterName" in cluster["Outputs"]


def chosen(value: Any, **values: str) -> Any:
    """Return a part of the template as its conditions leave it."""
    if isinstance(value, list):
        return [chosen(item, **values) for item in value]
    if not isinstance(value, dict):
        return value
    if "Fn::If" in value:
        condition, yes, no = value["Fn::If"]
        return chosen(yes if holds(CONDITIONS[condition], given(**values)) else no, **values)
    return {key: chosen(item, **values) for key, item in value.items()}


@pytest.mark.parametrize("level", PARAMETERS["LogLevel"]["AllowedValues"])
def test_no_log_level_drops_the_metrics(level: str) -> None:
    """Lambda takes a line without a level, as each metric is, for one of INFO."""
    defaults = chosen(template["Globals"]["Function"], LogLevel=level)
    assert defaults["LoggingConfig"]["LogFormat"] == "JSON"
    assert defaults["LoggingConfig"]["ApplicationLogLevel"] == ("DEBUG" if level == "DEBUG" else "INFO")
    assert defaults["Environment"]["Variables"]["POWERTOOLS_LOG_LEVEL"] == {"Ref": "LogLevel"}
    assert [name for name, found in of_type("AWS::Serverless::Function").items() if "LoggingConfig" in found] == []


class TestOutputs:
    def test_a_client_connects_to_the_farm_with_them(self) -> None:
        said = {name: name for name in OUTPUTS} | {"CyclesDevice": "OPTIX", "BlenderVersions": "4.5.15"}
        stack = stack_of(said, name="frameloom")
        assert (stack.machine, stack.device) == ("StateMachineArn", "OPTIX")

    def test_they_cover_workers_clients_and_the_fleet_s_deployment(self) -> None:
        needed = {"ChunkQueueUrl", "LogQueueUrl", "LogBucketName", "SubmitJobFunctionName", "NotificationTopicArn"}
        needed |= {"WorkerRepositoryUri", "WorkerRepositoryName", "FleetNamespace", "ClusterName"}
        assert needed | {"WorkerRoleArn", "KedaRoleArn"} <= set(OUTPUTS)

    def test_each_has_a_description(self) -> None:
        assert [name for name, output in OUTPUTS.items() if not output.get("Description")] == []


class TestTheCluster:
    def test_it_has_public_and_private_subnets_in_three_zones(self) -> None:
        subnets = of_type("AWS::EC2::Subnet", among=NETWORK)
        for kind in ("Public", "Private"):
            zones = [found["AvailabilityZone"] for name, found in subnets.items() if name.startswith(kind)]
            # Not by number among all zones of the region: EKS refuses some.
            assert zones == [{"Fn::Select": [number, {"Ref": "Zones"}]} for number in range(3)]
        blocks = [found["CidrBlock"]["Fn::Select"][0] for found in subnets.values()]
        assert len(set(blocks)) == len(blocks) == 6

    def test_its_zones_are_checked_before_the_cluster_is_created(self) -> None:
        assert cluster["Parameters"]["Zones"]["Type"] == "List<AWS::EC2::AvailabilityZone::Name>"
        assert resources["EksCluster"]["Properties"]["Parameters"]["Zones"] == {"Ref": "Zones"}

    def test_load_balancers_find_their_subnets(self) -> None:
        for name, subnet in of_type("AWS::EC2::Subnet", among=NETWORK).items():
            role = "kubernetes.io/role/elb" if name.startswith("Public") else "kubernetes.io/role/internal-elb"
            assert {"Key": role, "Value": "1"} in subnet["Tags"]

    def test_frames_do_not_pay_for_the_nat_gateway(self) -> None:
        (endpoint,) = of_type("AWS::EC2::VPCEndpoint", among=NETWORK).values()
        assert endpoint["VpcEndpointType"] == "Gateway"
        assert endpoint["ServiceName"] == {"Fn::Sub": "com.amazonaws.${AWS::Region}.s3"}
        tables = set(of_type("AWS::EC2::RouteTable", among=NETWORK))
        assert set(references(endpoint["RouteTableIds"])) == tables

    def test_nodes_are_in_private_subnets_with_a_nat_gateway(self) -> None:
        eks = NETWORK["Cluster"]["Properties"]
        assert list(references(eks["ResourcesVpcConfig"]["SubnetIds"])) == [f"PrivateSubnet{n}" for n in (1, 2, 3)]
        routes = of_type("AWS::EC2::Route", among=NETWORK)
        assert all("NatGatewayId" in route for name, route in routes.items() if name.startswith("Private"))

    def test_it_runs_in_auto_mode_with_metrics_and_an_optional_admin(self) -> None:
        eks = NETWORK["Cluster"]["Properties"]
        auto = (eks["ComputeConfig"], eks["KubernetesNetworkConfig"]["ElasticLoadBalancing"])
        assert all(part["Enabled"] for part in (*auto, eks["StorageConfig"]["BlockStorage"]))
        assert eks["BootstrapSelfManagedAddons"] is False
        assert [each["AddonName"] for each in of_type("AWS::EKS::Addon", among=NETWORK).values()] == ["metrics-server"]
        assert NETWORK["Admin"]["Condition"] == "HasAdmin"

    def test_it_never_enters_extended_support(self) -> None:
        assert NETWORK["Cluster"]["Properties"]["UpgradePolicy"] == {"SupportType": "STANDARD"}

    def test_its_logs_have_a_retention_and_are_deleted_with_it(self) -> None:
        (group,) = of_type("AWS::Logs::LogGroup", among=NETWORK).values()
        assert group["LogGroupName"] == {"Fn::Sub": "/aws/eks/${AWS::StackName}/cluster"}
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}
        # Were EKS the first to write, the group would be its own, and CloudFormation's would be refused.
        assert "ClusterLogs" in NETWORK["Cluster"]["DependsOn"]
