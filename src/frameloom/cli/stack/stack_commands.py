"""`frameloom stack`: the farms that are deployed in AWS."""

from typing import Annotated

import typer

from frameloom.cli import options
from frameloom.cli.help_format import SectionedCommand, examples
from frameloom.cli.optional_deps import extra
from frameloom.cli.output import answering
from frameloom.cli.terminal import say

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)

LIST_EXAMPLES = examples(
    "frameloom stack list",
    "AWS_DEFAULT_REGION=eu-west-1 frameloom stack list --json",
)
DELETE_EXAMPLES = examples(
    "frameloom stack delete --stack my-farm",
    "frameloom stack delete --stack my-farm --frames --yes",
)


@app.callback(invoke_without_command=True)
def stack(context: typer.Context) -> None:
    """List the farms that are deployed in AWS, or delete one.

    `sam deploy` deploys a farm as a CloudFormation stack.
    """
    if context.invoked_subcommand is None:
        say(*context.get_help().splitlines())


@app.command("list", cls=SectionedCommand, epilog=LIST_EXAMPLES)
def list_stacks(*, json: options.Json = False) -> None:
    """List the Frameloom stacks of this account and region.

    Each line has a stack's status in CloudFormation, the number of its running jobs, the numbers of waiting chunks and
    of chunks in flight, and the date of its creation. Stacks that failed or are being deleted are listed too. The
    region is that of AWS_DEFAULT_REGION or of the profile.
    """
    with answering(json=json):
        from frameloom.cli.stack import stack_list  # noqa: PLC0415

        stack_list.show(json=json)


@app.command(cls=SectionedCommand, epilog=DELETE_EXAMPLES)
def delete(
    *,
    stack: options.FleetStack,
    context: options.Context = None,
    frames: Annotated[
        bool,
        typer.Option("--frames", help="Delete the frames too; otherwise they stay.", rich_help_panel=options.RESULTS),
    ] = False,
    yes: options.Yes = False,
    json: options.Json = False,
) -> None:
    """Delete a farm in AWS with everything in it.

    The command stops the jobs, empties the buckets and the image repository, and deletes the fleet and the stack. First
    it lists all of these, and asks for the stack's name. Frames stay in their bucket unless --frames is given.
    To delete them later, within 90 days, repeat the command with --frames. To continue an interrupted deletion, repeat
    the command.
    """
    with answering(json=json), extra("fleet"):
        from frameloom.cli.stack import delete_stack  # noqa: PLC0415

        delete_stack.run(delete_stack.Options(stack=stack, context=context, frames=frames, yes=yes), json=json)
