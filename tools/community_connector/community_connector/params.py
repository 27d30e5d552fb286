"""The command's arguments and options, declared once."""

import re
from pathlib import Path
from typing import Any

import click

from community_connector.connections import TYPES
from community_connector.inputs import FORMS, parse_yaml, read_text
from community_connector.pipeline_spec import NAME as OBJECT_NAME
from community_connector.pipeline_spec import TEXT, closed_object

CONFIGURABLE = ("branch", "catalog", "profile", "provider", "repo_url", "schema")


class Name(click.ParamType[str]):
    """A name of a given pattern; `but` tells a user what it must be."""

    name = "name"

    def __init__(self, pattern: str, but: str) -> None:
        self._pattern, self._but = pattern, but

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch(self._pattern, value):
            self.fail(f"{value!r}: {self._but}.", param, ctx)
        return value


# What no SQL filter or path reads as something else, and what Unity Catalog takes.
RESOURCE = Name("[A-Za-z0-9][A-Za-z0-9 _.-]{0,254}", "letters, digits, spaces, `_`, `.` and `-` only")
OBJECT = Name(OBJECT_NAME["pattern"], "no spaces, dots or slashes, and not empty")


class Command(click.Command):
    """One that does not repeat what it cannot parse: that may be a key that was not quoted."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            if "extra argument" in error.message:
                raise click.UsageError("More arguments than expected: quote what has spaces.") from None
            raise


def read_config(ctx: click.Context, _: click.Parameter, path: str | None) -> None:
    """Let a file give options that the command line does not."""
    if path is None:
        return
    schema = closed_object(dict.fromkeys(CONFIGURABLE, TEXT))
    found = parse_yaml(f"--config: {path}", read_text("--config", Path(path)), schema)
    ctx.default_map = {**(ctx.default_map or {}), **found}


SOURCE, NAME = click.argument("source"), click.argument("name", type=RESOURCE)
SPEC = click.option("--spec", "-s", help="connector_spec.yaml: a path, an https address, or a repository.")
OPTIONS = click.option("--options", "-o", required=True, help=f"The connection's options: {FORMS}.")
PIPELINE_SPEC = click.option("--pipeline-spec", "-ps", help="What to ingest: JSON, a FILE, - or env:NAME.")
BRANCH = click.option("--branch", "-b", help="The branch to check out; the current one if not given.")
SKIP_CHECKS = click.option("--skip-checks", is_flag=True, help="Do not compare the branch with this clone.")
EAGER: dict[str, Any] = {"is_eager": True, "expose_value": False, "callback": read_config}
CONFIG = click.option("--config", "-f", help=f"YAML that may give {', '.join(CONFIGURABLE)}.", **EAGER)
TYPE = click.option("--connection-type", type=click.Choice(TYPES), default=TYPES[0])
COMMENT = click.option("--comment", help="A comment that Unity Catalog shows.")
CONNECTION = click.option("--connection-name", "-n", type=RESOURCE, required=True, help="To read through.")
OTHER_CONNECTION = click.option("--connection-name", "-n", type=RESOURCE, help="Another one to read through.")
CATALOG = click.option(
    "--catalog", "-c", type=OBJECT, default="main", help="For tables that name none; main."
)
SCHEMA = click.option("--schema", "-t", type=OBJECT, help="For tables that name none; by default the SOURCE.")
REPO_URL = click.option("--repo-url", "-r", help="The connector's repository; this clone's origin.")
PROVIDER = click.option("--provider", help="Databricks' name for an unusual kind of repository.")
KEEP = click.option("--keep", is_flag=True, help="If a step fails, leave what was made.")
FULL = click.option("--full-refresh", is_flag=True, help="Begin again: empty the tables first.")
WAIT = click.option("--wait", is_flag=True, help="Stay until the update has ended; exit with 1 if it failed.")
POLL = click.option("--poll-seconds", type=click.IntRange(0, 3600), default=5, help="How often to look; 5.")
TIMEOUT = click.option("--timeout-minutes", type=click.IntRange(0), default=720, help="For --wait; 720.")
COMMON = (
    click.option("--profile", help="Profile of ~/.databrickscfg."),
    click.option("--dry-run", is_flag=True, help="Print the requests, secrets masked, and send none."),
    click.option("--debug", is_flag=True, help="Tell each request and its status; never a secret."),
    click.option("--output", type=click.Choice(["text", "json"]), default="text", help="text, or json."),
)
