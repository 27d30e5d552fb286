"""`nox -s bench`: all measurements, or those that are named."""

import click
from rich.console import Console

from scripts.bench import calls, memory, pace, sandbox

BENCHES = {"calls": calls.measure, "memory": memory.measure, "pace": pace.measure, "sandbox": sandbox.measure}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(sorted(BENCHES)))
def main(names: tuple[str, ...]) -> None:
    """Measure and print.

    \b
    Example:
      nox -s bench -- calls
    """
    console = Console(highlight=False, width=110)
    for name in names or BENCHES:
        BENCHES[name](console)


if __name__ == "__main__":
    main()
