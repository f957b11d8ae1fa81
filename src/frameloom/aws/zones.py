"""The availability zones that a new cluster can use."""

from botocore.exceptions import BotoCoreError, ClientError

from frameloom.aws.clients import client
from frameloom.model.errors import FarmUnavailable

# Ids of the zones in which EKS refuses a cluster's subnets; zone names differ between accounts.
# Source: "Amazon EKS networking requirements for VPC and subnets" in the EKS user guide.
REFUSED_BY_EKS = frozenset({"use1-az3", "usw1-az2", "cac1-az3"})
# The number of subnets of each kind in cluster/eks.yaml.
NEEDED = 3


def cluster_zones() -> list[str]:
    """Return the names of the first zones in this account and region that EKS accepts, as many as a cluster needs.

    Raises:
        FarmUnavailable: there are too few, or AWS cannot be reached.
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
        # Clusters cannot use local zones and Wavelength zones either.
        if zone["State"] == "available"
        and zone.get("ZoneType", "availability-zone") == "availability-zone"
        and zone["ZoneId"] not in REFUSED_BY_EKS
    )
    if len(taken) < NEEDED:
        raise FarmUnavailable(
            problem=f"EKS accepts {len(taken)} of this account's zones in {region} ({', '.join(taken)}), and a new "
            f"cluster needs {NEEDED}: choose another region, or deploy with Cluster=existing or Cluster=none."
        )
    return taken[:NEEDED]
