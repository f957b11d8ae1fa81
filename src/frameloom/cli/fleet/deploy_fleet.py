"""`frameloom fleet deploy`: deploys workers that scale with a stack's queue."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from frameloom.aws.ecr import has_image, newest_image, repository_of
from frameloom.aws.queue import read_depths
from frameloom.aws.stack import Stack, find_stack
from frameloom.cli.display import Display, make_display
from frameloom.cli.fleet.select_cluster import find_cluster
from frameloom.cli.output import tell_json
from frameloom.cli.terminal import say
from frameloom.kube import fleet, keda, manifests, network_policies, readiness, rollout
from frameloom.kube.api import Cluster, Manifest, kind_name
from frameloom.kube.fleet_status import why_workers_wait
from frameloom.kube.pending_reasons import STARTING
from frameloom.model.blenders import and_listed
from frameloom.model.errors import FarmUnavailable, InvalidRequest

# The manifests, in the checkout that contains this package.
FOLDER = Path(__file__).resolve().parents[4] / "cluster"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The command's options; `timeout` in seconds, for all waits together."""

    stack: str
    overlay: str
    image: str | None
    max_workers: int | None
    context: str | None
    keda_manifest: str | None
    timeout: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """A ready fleet, and the change of each of its objects."""

    cluster: Cluster
    image: str
    keda: Mapping[str, Any] | None
    changes: list[tuple[Manifest, fleet.Change]]
    # Names of deleted Jobs of earlier versions, which never started.
    deleted_jobs: list[str]


def run(options: Options, *, json: bool) -> None:
    """Deploy a fleet, wait until it is ready, and print its objects.

    Raises:
        FarmError: the fleet was not deployed, or is not ready.
        KeyboardInterrupt: with how to continue.
    """
    try:
        with make_display(quiet=False, json=json) as display:
            display.say("Reading the stack")
            stack = find_stack(options.stack)
            deployed = _deploy(options, stack, display)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            "Interrupted: the applied objects stay. Run the same command again to continue."
        ) from None
    _print_result(options, stack, deployed, json=json)


def _deploy(options: Options, stack: Stack, display: Display) -> Deployed:
    deadline = readiness.Deadline(options.timeout)
    image = _newest(stack) if options.image is None else _checked(options.image, stack, display)
    objects: list[Manifest] = [*manifests.render(FOLDER, options.overlay, _settings(options, stack, image))]
    display.say("Looking for the cluster")
    cluster = find_cluster(stack, context=options.context, anywhere=options.overlay == "local")
    if not fleet.check_namespace(cluster, stack.namespace, stack.name):
        display.note(f"The namespace {stack.namespace} does not belong to this fleet, so it stays unchanged.")
        objects = [each for each in objects if each["kind"] != "Namespace"]
    display.say("Checking your rights")
    fleet.check_rights(cluster, objects)
    fleet.check_node_classes(cluster, objects)
    if keda.needed(objects):
        rollout.check_rights(cluster, stack.namespace)
    keda_facts = _have_keda(options, stack, cluster, deadline, display) if keda.needed(objects) else None
    if warning := network_policies.enforce_policies(
        cluster, FOLDER, stack=stack.owns_cluster, eks=stack.cluster is not None
    ):
        display.note(warning)
    display.say("Applying the manifests")
    changes = [*fleet.apply(cluster, _with_credentials(options, cluster, stack, objects))]
    changes += [(gone, fleet.Change.DELETED) for gone in fleet.prune(cluster, objects, stack=stack.name)]
    readiness.wait_ready(
        cluster, objects, deadline=deadline, report=display.say, why=lambda: _reasons(cluster, stack.namespace)
    )
    started = rollout.Started()
    if keda_facts is not None:
        started = rollout.wait_startable(
            cluster, stack.namespace, chunks=lambda: _waiting_chunks(stack), deadline=deadline, report=display.say
        )
    for each in started.waits:
        if each.reason != STARTING:
            display.note(f"{each}.")
    return Deployed(cluster=cluster, image=image, keda=keda_facts, changes=changes, deleted_jobs=started.deleted)


def _waiting_chunks(stack: Stack) -> int:
    # A user without the right to read the queue can still deploy.
    with suppress(FarmUnavailable):
        return read_depths(stack.chunk_queue, stack.dead_letter_queue).waiting
    return 0


def _reasons(cluster: Cluster, namespace: str) -> str:
    # A user without the right to read pods still gets the list of objects that are not ready.
    with suppress(FarmUnavailable):
        return "".join(f"; {each}" for each in why_workers_wait(cluster, namespace))
    return ""


def _checked(image: str, stack: Stack, display: Display) -> str:
    """Return the image that --image names; check that it exists if it is in the stack's repository.

    Raises:
        InvalidRequest: the stack's repository does not contain it.
    """
    repository = stack.repository_uri
    if repository is None or not image.startswith((f"{repository}:", f"{repository}@")):
        display.note(f"The image {image} is not in the stack's repository, so its existence was not checked.")
    elif not has_image(repository, image):
        newest = newest_image(repository, stack.blenders)
        versions = and_listed(stack.blenders)
        hint = f"the newest image with Blender {versions} is {newest}" if newest else _how_to_make_one(stack)
        raise InvalidRequest(field="--image", problem=f"the image {image!r} does not exist: {hint}")
    return image


def _newest(stack: Stack) -> str:
    repository = repository_of(stack)
    found = newest_image(repository, stack.blenders)
    if found is None:
        raise FarmUnavailable(
            problem=f"There is no worker image with Blender {and_listed(stack.blenders)} in {repository}: "
            f"{_how_to_make_one(stack)}, or name one with --image."
        )
    return found


def _how_to_make_one(stack: Stack) -> str:
    versions = " ".join(stack.blenders)
    return f'make one with `make image BLENDER_VERSIONS="{versions}" STACK={stack.name}`'


def _settings(options: Options, stack: Stack, image: str) -> manifests.Settings:
    if stack.log_queue is None:
        raise FarmUnavailable(problem=f"The stack {stack.name!r} has no output 'LogQueueUrl': deploy the stack again.")
    return manifests.Settings(
        stack=stack.name,
        namespace=stack.namespace,
        image=image,
        config={
            "CHUNK_QUEUE_URL": stack.chunk_queue,
            "LOG_QUEUE_URL": stack.log_queue,
            "LOG_BUCKET": stack.buckets.logs,
            "AWS_REGION": stack.region,
        },
        max_workers=options.max_workers,
    )


def _have_keda(
    options: Options, stack: Stack, cluster: Cluster, deadline: readiness.Deadline, display: Display
) -> Mapping[str, Any]:
    """Wait until KEDA is ready for this stack, and return its facts; install it if it is missing."""
    install = keda.missing(cluster) or (options.keda_manifest is not None and keda.ours(cluster))
    parts: list[Manifest] = []
    if install:
        source = options.keda_manifest or keda.RELEASE
        display.say(f"Downloading KEDA from {source}")
        parts = [*keda.load(source)]
        fleet.check_rights(cluster, parts)
        display.say("Installing KEDA")
        keda.install(cluster, parts)
    operator = keda.operator(cluster)
    if operator is None:
        display.note("KEDA is installed, but its operator was not found. It may lack the right to read the queue.")
        return {"version": None, "installed": False}
    _identify(stack, cluster, operator, display)
    readiness.wait_ready(cluster, parts or [operator], deadline=deadline, report=display.say)
    readiness.wait_until(
        lambda: (
            []
            if cluster.knows("keda.sh/v1alpha1", "ScaledJob")
            else ["the cluster does not know the kind ScaledJob yet"]
        ),
        deadline=deadline,
        cluster=cluster,
        report=display.say,
    )
    version = keda.version_of(operator)
    if keda.is_older(version):
        display.note(_outdated(version, ours=keda.ours(cluster)))
    return {"version": version, "installed": install}


def _outdated(version: str, *, ours: bool) -> str:
    """Return the note on a KEDA that is older than the version that `fleet deploy` installs."""
    tested = f"{keda.TESTED_ON[0]} to {keda.TESTED_ON[-1]}"
    how = f": upgrade it with `--keda-manifest {keda.RELEASE}`" if ours else ""
    return f"The cluster has KEDA {version}. KEDA {keda.VERSION} is tested on Kubernetes {tested}{how}."


def _identify(stack: Stack, cluster: Cluster, operator: Manifest, display: Display) -> None:
    """Let KEDA read the queue as the stack's role for it."""
    namespace = operator["metadata"]["namespace"]
    if namespace != keda.NAMESPACE and stack.keda_role is not None:
        display.note(
            f"KEDA runs in the namespace {namespace}, but the stack's role is for {keda.NAMESPACE}/{keda.OPERATOR}: "
            f"give {namespace}/{keda.OPERATOR} the right to read the queue."
        )
    elif stack.keda_role is not None and keda.give_identity(cluster, operator, stack.keda_role):
        display.say("Restarting KEDA's operator with its role")


def _with_credentials(options: Options, cluster: Cluster, stack: Stack, objects: list[Manifest]) -> list[Manifest]:
    """Return the objects, after a check for the secret with their credentials.

    Raises:
        FarmUnavailable: the secret is missing; the message has the command that creates it.
    """
    if options.overlay == "local":
        # The user can create the secret only in an existing namespace.
        list(fleet.apply(cluster, [each for each in objects if each["kind"] == "Namespace"]))
        if cluster.find("v1", "Secret", "aws", namespace=stack.namespace) is None:
            raise FarmUnavailable(
                problem="The overlay 'local' needs a secret with credentials, which does not exist: create it with "
                f"`kubectl create secret generic aws --namespace {stack.namespace} "
                "--from-literal AWS_ACCESS_KEY_ID=... --from-literal AWS_SECRET_ACCESS_KEY=...`, and deploy again."
            )
    return objects


def _print_result(options: Options, stack: Stack, deployed: Deployed, *, json: bool) -> None:
    facts = {
        "stack": stack.name,
        "cluster": deployed.cluster.name,
        "server": deployed.cluster.server,
        "namespace": stack.namespace,
        "overlay": options.overlay,
        "image": deployed.image,
    }
    if json:
        objects = [
            {
                "kind": each["kind"],
                "name": each["metadata"]["name"],
                "namespace": each["metadata"].get("namespace"),
                "change": change.value,
            }
            for each, change in deployed.changes
        ]
        tell_json(facts | {"keda": deployed.keda, "objects": objects, "deleted_jobs": deployed.deleted_jobs})
        return
    shown: dict[str, str] = dict(facts)
    if deployed.keda is not None:
        version = deployed.keda["version"] or "unknown version"
        shown["keda"] = f"{version}{', installed now' if deployed.keda['installed'] else ''}"
    shown |= {kind_name(each): change.value for each, change in deployed.changes}
    if deployed.deleted_jobs:
        shown["deleted Jobs"] = f"{len(deployed.deleted_jobs):,} of earlier deployments that never started"
    width = max(map(len, shown))
    for name, value in shown.items():
        say(f"{name:<{width}}  {value}")
    say(f"The fleet is ready. To watch it, run `frameloom fleet watch --stack {stack.name}`.")
