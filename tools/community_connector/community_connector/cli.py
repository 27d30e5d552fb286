"""The command `community-connector`."""

import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

# Imported for the commands that they declare.
from community_connector import connection_commands, pipeline_commands  # noqa: F401
from community_connector.frame import COMMANDS

INTERRUPTED = 130


class Group(click.Group):
    """Commands in the order in which one needs them; Ctrl-C has the exit code that shells give it."""

    def list_commands(self, _: click.Context) -> list[str]:
        return [command.name or "" for command in COMMANDS]

    def main(self, args: Sequence[str] | None = None, *_: Any, **__: Any) -> Any:
        try:
            return super().main(args, standalone_mode=False)
        except click.exceptions.Exit as ended:
            sys.exit(ended.exit_code)
        except click.ClickException as error:
            error.show()
            sys.exit(error.exit_code)
        except OSError as error:
            # Standard output that takes no more, a working directory that is gone.
            with contextlib.suppress(OSError):
                click.echo(f"Error: {error.strerror or error}", err=True)
            sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - for what Python flushes at its end
            sys.exit(1)
        except (click.Abort, KeyboardInterrupt):
            click.echo("Stopped.", err=True)
            sys.exit(INTERRUPTED)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="community-connector")
def main() -> None:
    """Bring a community connector into a Databricks workspace: connection, pipeline, run.

    \b
    Example:
      community-connector create_connection aha my_aha -o @options.json
      community-connector create_pipeline aha my_pipeline -n my_aha --catalog main --schema aha
      community-connector run_pipeline my_pipeline --wait
    """
    # What stops a job elsewhere undoes half-done work too, as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


for _command in COMMANDS:
    main.add_command(_command)
