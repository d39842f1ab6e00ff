"""Commands about agents of others: which are known, and installing them for the sandbox."""

import click


@click.group()
def agent() -> None:
    """Command-line agents that `offswitch measure --agent` knows by name."""


@agent.command("list")
def agent_list() -> None:
    """The presets: name, npm package, whether it is installed for the sandbox, command."""
    from offswitch.jobs.presets import PRESETS

    for one in PRESETS.values():
        state = "installed" if one.installed else f"not installed (offswitch agent install {one.name})"
        click.echo(f"{one.name}  {one.package}  {state}\n    {one.command}")


@agent.command("install")
@click.argument("name")
@click.option("--version", default="latest", show_default=True, help="Of the npm package.")
def agent_install(name: str, version: str) -> None:
    """Install a preset from npm (hundreds of MB) into a folder that the sandbox can show, and print the folder.

    Under OFFSWITCH_AGENTS; else /var/cache/offswitch for root, and the cache folder for others.
    """
    from offswitch.jobs.presets import PRESETS, install

    if name not in PRESETS:
        raise click.UsageError(f"there is no preset {name!r}; there are: {', '.join(PRESETS)}")
    click.echo(install(PRESETS[name], version))
