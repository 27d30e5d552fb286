"""The command's arguments and options, declared once."""

import re
from pathlib import Path
from typing import Any

import click

from community_connector.connections import TYPES
from community_connector.inputs import FORMS, parse_yaml, read_text
from community_connector.pipeline_spec import NAME as OBJECT_NAME
from community_connector.pipeline_spec import TEXT, closed_object
from community_connector.repository import PROVIDERS

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
                raise click.UsageError(
                    "More arguments than expected: quote what has spaces, and name one file."
                ) from None
            raise


def read_config(ctx: click.Context, _: click.Parameter, path: str | None) -> None:
    """Let a file give options that the command line does not."""
    if path is None:
        return
    schema = closed_object(dict.fromkeys(CONFIGURABLE, TEXT))
    found = parse_yaml(f"--config: {path}", read_text("--config", Path(path)), schema)
    ctx.default_map = {**(ctx.default_map or {}), **found}


SOURCE, NAME = click.argument("source"), click.argument("name", type=RESOURCE)
CONNECTION_NAME = click.argument("name", type=OBJECT)
SPEC = click.option("--spec", "-s", help="connector_spec.yaml: a path, an https address, or a repository.")
OPTIONS = click.option("--options", "-o", required=True, help=f"The connection's options: {FORMS}.")
PIPELINE_SPEC = click.option(
    "--pipeline-spec", "-ps", help="What to ingest: a FILE of YAML or JSON, JSON itself, -, or env:NAME."
)
BRANCH = click.option(
    "--branch",
    "-b",
    help="The branch to check out. If not given: of an update, the pipeline's own; else the clone's.",
)
SKIP_CHECKS = click.option("--skip-checks", is_flag=True, help="Do not compare the branch with this clone.")
EAGER: dict[str, Any] = {"is_eager": True, "expose_value": False, "callback": read_config}
CONFIG = click.option("--config", "-f", help=f"YAML that may give {', '.join(CONFIGURABLE)}.", **EAGER)
TYPE = click.option(
    "--connection-type", type=click.Choice(TYPES), default=TYPES[0], show_default=True, help="Its type."
)
COMMENT = click.option("--comment", help="A comment that Unity Catalog shows.")
CONNECTION = click.option(
    "--connection-name", "-n", type=OBJECT, help="To read through; a pipeline spec may name it instead."
)
PORT: dict[str, Any] = {"type": click.IntRange(0, 65535), "default": 0}
AUTH = (
    click.option(
        "--auth",
        type=click.Choice(["api_key", "oauth"]),
        default="api_key",
        help="oauth: --options holds client_id and client_secret, and you agree in the browser.",
    ),
    click.option(
        "--redirect-port", **PORT, help="Of the redirect address http://127.0.0.1:PORT; 0 takes a free one."
    ),
    click.option("--oauth-timeout", type=click.IntRange(1, 3600), default=300, help="Seconds; 300."),
)
IN_VOLUME = Name(r"/Volumes/[^?#]+\.whl", "a wheel in a volume: /Volumes/.../NAME.whl")
DEPENDENCIES = click.option(
    "--dependency",
    "dependencies",
    multiple=True,
    type=IN_VOLUME,
    help="A wheel in a volume, as upload tells; repeatable.",
)
HOW = (
    click.option(
        "--channel",
        type=click.Choice(["PREVIEW", "CURRENT"]),
        default="PREVIEW",
        show_default=True,
        help="Of the pipeline's runtime. Community connectors are validated on PREVIEW.",
    ),
    click.option("--serverless/--no-serverless", default=True, show_default=True, help="Its compute."),
    click.option(
        "--development/--production", default=False, help="Keep the compute between runs, retry nothing."
    ),
    click.option("--continuous", is_flag=True, help="Run until it is stopped, not once an update."),
)
MANAGED = click.option("--managed", is_flag=True, help="Managed ingestion: wheels in a volume, no checkout.")
WHEELS = (
    click.option("--framework-wheel", help="For --managed: the framework's wheel."),
    click.option(
        "--wheel",
        help="For --managed: the connector's, else built from this clone; an update may keep its own.",
    ),
)
TAG = click.option("--tag", help="A tag to check out, in the place of a branch.")
YES = click.confirmation_option("--yes", prompt="Delete the pipeline, and with it its tables?")
CATALOG = click.option(
    "--catalog", "-c", type=OBJECT, default="main", help="For tables that name none; main."
)
SCHEMA = click.option("--schema", "-t", type=OBJECT, help="For tables that name none; by default the SOURCE.")
REPO_URL = click.option("--repo-url", "-r", help="The connector's repository; this clone's origin.")
PROVIDER = click.option(
    "--provider", type=click.Choice(PROVIDERS), help="Databricks' name for an unusual kind of repository."
)
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
