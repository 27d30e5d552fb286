"""`nox -s bench`: all measurements, or those that are named."""

import sys

import click
from rich.console import Console

from scripts.bench import calls, memory, pace, rows, sandbox

BENCHES = {
    "calls": calls.measure,
    "memory": memory.measure,
    "pace": pace.measure,
    "rows": rows.measure,
    "sandbox": sandbox.measure,
}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(sorted(BENCHES)))
def main(names: tuple[str, ...]) -> None:
    """Measure and print.

    \b
    Example:
      nox -s bench -- calls
    """
    console = Console(highlight=False, width=110)
    missed = [name for name in names or BENCHES if BENCHES[name](console) is False]
    if missed:
        console.print(f"Not as good as it must be: {', '.join(missed)}")
        sys.exit(1)


if __name__ == "__main__":
    main()
