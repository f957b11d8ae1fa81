"""A stack's outputs, those of a fleet among them: a stack without a cluster is a farm all the same."""

import pytest
from moto import mock_aws

from frameloom.aws.stack import find_stack
from tests.fleet_rig import CLUSTER, KEDA_ROLE, make_stack, outputs_of


@pytest.mark.parametrize(
    ("cluster", "named", "owned", "role"),
    [("create", CLUSTER, True, KEDA_ROLE), ("existing", CLUSTER, False, KEDA_ROLE), ("none", None, False, None)],
)
def test_a_stack_says_whose_its_cluster_is(*, cluster: str, named: str | None, owned: bool, role: str | None) -> None:
    with mock_aws():
        make_stack("farm", Cluster=cluster, FleetNamespace="renders")
        stack = find_stack("farm")
        outputs = outputs_of("farm")
    assert (stack.cluster, stack.owns_cluster, stack.keda_role) == (named, owned, role)
    assert (stack.name, stack.namespace, stack.region) == ("farm", "renders", "eu-central-1")
    assert (stack.log_queue, stack.repository_uri) == (outputs["LogQueueUrl"], outputs["WorkerRepositoryUri"])
    assert stack.buckets.frames == outputs["FramesBucketName"]
