"""The availability zones that a cluster of the farm's own can stand in."""

from botocore.exceptions import BotoCoreError, ClientError

from frameloom.aws.clients import client
from frameloom.model.errors import FarmUnavailable

# EKS refuses a cluster's subnets there. Names of zones mean another zone in each account, so it goes by the ids.
# Source: "Amazon EKS networking requirements for VPC and subnets" in the EKS user guide.
REFUSED_BY_EKS = frozenset({"use1-az3", "usw1-az2", "cac1-az3"})
# As many subnets of each kind as cluster/eks.yaml has.
NEEDED = 3


def cluster_zones() -> list[str]:
    """Return the names of the zones for a cluster in this account and region: the first ones that EKS takes.

    Raises:
        FarmUnavailable: there are too few, or AWS cannot be asked.
    """
    try:
        ec2 = client("ec2")
        region: str = ec2.meta.region_name
        found = ec2.describe_availability_zones()["AvailabilityZones"]
    except (BotoCoreError, ClientError) as error:
        raise FarmUnavailable(problem=f"The availability zones cannot be listed: {error}") from error
    taken = sorted(
        zone["ZoneName"]
        for zone in found
        # Local zones and Wavelength zones have no cluster either.
        if zone["State"] == "available"
        and zone.get("ZoneType", "availability-zone") == "availability-zone"
        and zone["ZoneId"] not in REFUSED_BY_EKS
    )
    if len(taken) < NEEDED:
        raise FarmUnavailable(
            problem=f"EKS takes {len(taken)} of this account's zones in {region} ({', '.join(taken)}), and a cluster "
            f"of the farm's own needs {NEEDED}: choose another region, or deploy with Cluster=existing or Cluster=none."
        )
    return taken[:NEEDED]
