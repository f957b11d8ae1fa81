"""`frameloom fleet`: the workers of a deployed farm, in Kubernetes."""

from pathlib import Path
from typing import Annotated

import typer

from frameloom.cli import options
from frameloom.cli.durations import seconds_of
from frameloom.cli.help_format import SectionedCommand, examples
from frameloom.cli.optional_deps import extra
from frameloom.cli.output import answering, tell_json
from frameloom.cli.terminal import say

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)

DEPLOY_EXAMPLES = examples(
    "frameloom fleet deploy --stack my-farm",
    "frameloom fleet deploy --stack my-farm --overlay spot --max-workers 50",
    "frameloom fleet deploy --stack my-farm --overlay local --context kind-test --image worker:test",
)
WATCH_EXAMPLES = examples(
    "frameloom fleet watch --stack my-farm",
    "frameloom fleet watch --stack my-farm --for 30m --csv fleet.csv --plot fleet.png",
    "frameloom fleet watch --stack my-farm --every 30s --json",
)
ZONES_EXAMPLES = examples(
    "frameloom fleet zones",
    'sam deploy --guided --parameter-overrides "Zones=$(frameloom fleet zones)"',
)
DELETE_EXAMPLES = examples(
    "frameloom fleet delete --stack my-farm",
    "frameloom fleet delete --stack my-farm --yes --json",
)


@app.callback(invoke_without_command=True)
def fleet(context: typer.Context) -> None:
    """Run the workers of a deployed farm in its Kubernetes cluster."""
    if context.invoked_subcommand is None:
        say(*context.get_help().splitlines())


@app.command(cls=SectionedCommand, epilog=DEPLOY_EXAMPLES)
def deploy(
    *,
    stack: options.FleetStack,
    context: options.Context = None,
    overlay: Annotated[
        str,
        typer.Option(
            metavar="OVERLAY",
            help="How the fleet scales: keda (a Job for each chunk, zero when idle), spot or gpu (keda on such nodes), "
            "hpa (by CPU, without KEDA) or local (any cluster, credentials from a secret). A folder with your own "
            "kustomization works too.",
            rich_help_panel=options.FARM,
        ),
    ] = "keda",
    image: Annotated[
        str | None,
        typer.Option(
            metavar="URI",
            help="The worker's image.  [default: the newest in the stack's repository with its Blender]",
            rich_help_panel=options.FARM,
        ),
    ] = None,
    max_workers: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="The most workers at once.  [default: the overlay's]", rich_help_panel=options.FARM
        ),
    ] = None,
    keda_manifest: Annotated[
        str | None,
        typer.Option(
            metavar="URL|FILE",
            help="A release of KEDA, for a cluster without KEDA, or for an upgrade after an earlier deploy.  "
            "[default: the tested release, from GitHub]",
            rich_help_panel=options.FARM,
        ),
    ] = None,
    timeout: options.Timeout = "15m",
    json: options.Json = False,
) -> None:
    """Deploy the workers of a stack to its cluster.

    The command returns when they are ready. It installs KEDA if the overlay needs it and the cluster lacks it. It
    deletes objects that an earlier deploy with another overlay left, and Jobs of earlier deploys that never started. A
    repeated deploy changes only differences. While chunks wait, the fleet is ready when a worker has started; otherwise
    it is ready when KEDA can start one. kubectl must be installed, since its kustomize renders the manifests.
    """
    with answering(json=json), extra("fleet"):
        from frameloom.cli.fleet import deploy_fleet  # noqa: PLC0415

        chosen = deploy_fleet.Options(
            stack=stack,
            overlay=overlay,
            image=image,
            max_workers=max_workers,
            context=context,
            keda_manifest=keda_manifest,
            timeout=seconds_of(timeout, field="--timeout"),
        )
        deploy_fleet.run(chosen, json=json)


@app.command(cls=SectionedCommand, epilog=WATCH_EXAMPLES)
def watch(
    *,
    stack: options.FleetStack,
    context: options.Context = None,
    every: Annotated[
        str, typer.Option(metavar="DURATION", help="The time between two samples.", rich_help_panel=options.OTHER)
    ] = "5s",
    lasts: Annotated[
        str | None,
        typer.Option(
            "--for",
            metavar="DURATION",
            help="How long to watch, such as 90s, 30m or 2h.  [default: until Ctrl-C]",
            rich_help_panel=options.OTHER,
        ),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Append each sample to this file, as a row.", rich_help_panel=options.RESULTS
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Plot all samples into this file at the end, .png or .svg.",
            rich_help_panel=options.RESULTS,
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Write a line of JSON for each sample.", rich_help_panel=options.OTHER)
    ] = False,
) -> None:
    """Show the queue, the pods by phase and the nodes over time.

    On a terminal, the command redraws a table in place. Without one, it prints a line for each change. Ctrl-C ends it
    with exit code 0. Below the figures, it prints why workers do not start. If a service does not respond, the command
    prints a warning and leaves its figures out. Nodes are those of the whole cluster. For a stack without a cluster,
    the command shows only the queue.
    """
    with answering(json=json), extra("fleet"):
        from frameloom.cli.fleet import watch_fleet  # noqa: PLC0415

        chosen = watch_fleet.Options(
            stack=stack,
            context=context,
            every=seconds_of(every, field="--every"),
            lasts=None if lasts is None else seconds_of(lasts, field="--for"),
            csv=csv,
            plot=plot,
        )
        watch_fleet.run(chosen, json=json)


@app.command(cls=SectionedCommand, epilog=DELETE_EXAMPLES)
def delete(
    *,
    stack: options.FleetStack,
    context: options.Context = None,
    timeout: options.Timeout = "10m",
    yes: options.Yes = False,
    json: options.Json = False,
) -> None:
    """Delete the workers of a stack from its cluster.

    The command returns when they have ended. It lists the objects and asks before it deletes them. Unfinished chunks
    return to the queue. It deletes KEDA too if `frameloom fleet deploy` installed it and no other fleet uses it. The
    stack stays.
    """
    with answering(json=json), extra("fleet"):
        from frameloom.cli.fleet import delete_fleet  # noqa: PLC0415

        chosen = delete_fleet.Options(
            stack=stack, context=context, timeout=seconds_of(timeout, field="--timeout"), yes=yes
        )
        delete_fleet.run(chosen, json=json)


@app.command(cls=SectionedCommand, epilog=ZONES_EXAMPLES)
def zones(*, json: options.Json = False) -> None:
    """Print the zones for a new cluster: the stack's parameter Zones.

    The command prints three availability zones of the account, in the region of AWS_DEFAULT_REGION or of the profile.
    EKS refuses clusters in some zones, whose names differ between accounts.
    """
    with answering(json=json), extra("fleet"):
        from frameloom.aws.zones import cluster_zones  # noqa: PLC0415

        found = cluster_zones()
        if json:
            tell_json({"zones": found})
        else:
            say(",".join(found))
