"""`python -m sandbox`: a local Aha! to try the connector on."""

import asyncio
import json
import signal
import sys

import click

from sandbox.clock import SandboxClock
from sandbox.server import API_KEY, listen, make_app, open_store


@click.command()
@click.option(
    "--port", default=0, type=click.IntRange(0, 65535), help="Port on 127.0.0.1; 0 takes a free one."
)
@click.option("--ideas", default=100, show_default=True, type=click.IntRange(0), help="Ideas to make up.")
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same data.")
@click.option("--api-key", default=API_KEY, show_default=True, help="The key to accept.")
@click.option("--no-rate-limit", is_flag=True, help="Answer more than 300 requests a minute.")
def main(port: int, ideas: int, seed: int, api_key: str, no_rate_limit: bool) -> None:
    """A local server that behaves like Aha!'s REST API, over made-up data.

    Prints one line of JSON with its url and key when it is ready, and runs until it is stopped.

    \b
    Example:
      python -m sandbox --port 8080 --ideas 500 &
      curl -H 'Authorization: Bearer sandbox-key' 'http://127.0.0.1:8080/api/v1/ideas?per_page=2'
    """
    sys.exit(asyncio.run(_serve(port, ideas, seed, api_key, rate_limit=not no_rate_limit)))


async def _serve(port: int, ideas: int, seed: int, api_key: str, *, rate_limit: bool) -> int:
    app = make_app(open_store(ideas=ideas, seed_number=seed), SandboxClock(), api_key, rate_limit=rate_limit)
    try:
        runner, port = await listen(app, "127.0.0.1", port)
    except OSError as error:
        click.echo(f"Cannot listen on 127.0.0.1:{port}: {error.strerror}. Choose another --port.", err=True)
        return 2
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    click.echo(json.dumps({"url": f"http://127.0.0.1:{port}", "api_key": api_key}))
    sys.stdout.flush()
    await stop.wait()
    await runner.cleanup()
    return 0


if __name__ == "__main__":
    main()
