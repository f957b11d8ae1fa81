"""`frameloom fleet zones`: the availability zones that EKS accepts, in an emulated account."""

import json
from collections.abc import Iterator

import pytest
from moto import mock_aws
from moto.ec2.models.availability_zones_and_regions import RegionsAndZonesBackend, Zone
from typer.testing import CliRunner, Result

from frameloom.aws.clients import client
from frameloom.aws.zones import REFUSED_BY_EKS
from frameloom.cli.app import app


@pytest.fixture(autouse=True)
def account() -> Iterator[None]:
    with mock_aws():
        client.cache_clear()
        yield
    client.cache_clear()


def zones(region: str, monkeypatch: pytest.MonkeyPatch, *options: str) -> Result:
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    monkeypatch.delenv("AWS_REGION", raising=False)
    return CliRunner().invoke(app, ["fleet", "zones", *options])


def test_three_zones_are_printed_as_the_parameter_expects_them(monkeypatch: pytest.MonkeyPatch) -> None:
    assert zones("eu-central-1", monkeypatch).stdout == "eu-central-1a,eu-central-1b,eu-central-1c\n"


@pytest.mark.parametrize("refused", sorted(REFUSED_BY_EKS))
def test_a_zone_that_eks_refuses_is_omitted_whatever_its_name(refused: str, monkeypatch: pytest.MonkeyPatch) -> None:
    account_has(
        monkeypatch, {"eu-central-1a": refused, "eu-central-1b": "b", "eu-central-1c": "c", "eu-central-1d": "d"}
    )
    found = json.loads(zones("eu-central-1", monkeypatch, "--json").stdout)
    assert found == {"zones": ["eu-central-1b", "eu-central-1c", "eu-central-1d"]}


def test_a_local_zone_is_omitted(monkeypatch: pytest.MonkeyPatch) -> None:
    account_has(monkeypatch, {"eu-central-1-ham-1a": "local"}, kind="local-zone", beside=True)
    assert zones("eu-central-1", monkeypatch).stdout == "eu-central-1a,eu-central-1b,eu-central-1c\n"


def test_a_region_with_too_few_zones_is_refused_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = zones("us-west-1", monkeypatch)
    assert (asked.exit_code, asked.stdout) == (1, "")
    (said,) = asked.stderr.splitlines()
    assert said.startswith("frameloom: EKS accepts 2 of this account's zones in us-west-1 (us-west-1a, us-west-1b)")
    assert said.endswith("choose another region, or deploy with Cluster=existing or Cluster=none.")


def test_a_missing_region_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.delenv("AWS_REGION", raising=False)
    asked = CliRunner().invoke(app, ["fleet", "zones"])
    assert asked.exit_code == 1
    assert "The availability zones cannot be listed: You must specify a region." in asked.stderr


def account_has(
    monkeypatch: pytest.MonkeyPatch, ids: dict[str, str], *, kind: str = "availability-zone", beside: bool = False
) -> None:
    """Give the account zones with these names and ids in eu-central-1, instead of moto's or in addition."""
    region = "eu-central-1"
    own = [Zone(name=name, region_name=region, zone_id=id_, zone_type=kind) for name, id_ in ids.items()]
    others = RegionsAndZonesBackend.zones[region] if beside else []
    monkeypatch.setitem(RegionsAndZonesBackend.zones, region, [*own, *others])
