"""What every command has in common: its name, its common options, and how it tells what came of it."""

import json
from collections.abc import Callable
from typing import Any

import click

from community_connector import params as p
from community_connector.errors import printable
from community_connector.service import Json, Service

COMMANDS: list[click.Command] = []


def command(*options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A command named like its function, with its options and those of every command."""

    def decorate(function: Any) -> Any:
        for option in reversed((*options, *p.COMMON)):
            function = option(function)
        made = click.command(function.__name__, cls=p.Command)(function)
        COMMANDS.append(made)
        return made

    return decorate


def service_for(given: dict[str, Any]) -> Service:
    return Service(given["profile"], dry_run=given["dry_run"], debug=given["debug"])


def tell(service: Service, result: Json, given: dict[str, Any]) -> None:
    """Print what came of a command, or what a dry run would have sent."""
    if given["output"] == "json":
        click.echo(json.dumps({"requests": service.noted} if given["dry_run"] else result))
    elif given["dry_run"]:
        for noted in service.noted:
            query = "&".join(f"{key}={value}" for key, value in noted.get("query", {}).items())
            body = json.dumps(noted["body"], ensure_ascii=False) if "body" in noted else ""
            click.echo(f"{noted['method']} {noted['path']}{'?' * bool(query)}{query} {body}".rstrip())
        click.echo("Nothing was sent.", err=True)
    else:
        for key, value in result.items():
            told = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            click.echo(printable(f"{key}: {told}"))
