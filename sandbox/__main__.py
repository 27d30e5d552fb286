"""`python -m sandbox`: a local Aha! to try the connector on."""

import asyncio
import ipaddress
import json
import signal
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

import click
from aiohttp import web

from sandbox.behaviour import RATE_LIMITS, UPDATED_SINCE, BehaviourError, adopted
from sandbox.clock import SandboxClock
from sandbox.server import API_KEY, listen, make_app, open_world
from sandbox.store import StoreError
from sandbox.traffic import Traffic

DEFAULT = "what a probe found, else the likelier"


@click.command()
@click.option("--port", default=0, type=click.IntRange(0, 65535), help="Port; 0 takes a free one.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address; anything but loopback warns.")
@click.option("--ideas", default=100, show_default=True, type=click.IntRange(0), help="Ideas to make up.")
@click.option("--seed", default=1, show_default=True, help="The same seed makes the same data.")
@click.option("--db", default=":memory:", metavar="FILE", help="Keep the account in this file.")
@click.option("--api-key", default=API_KEY, show_default=True, help="The key to accept.")
@click.option("--no-rate-limit", is_flag=True, help="Answer more than 300 requests a minute.")
@click.option("--control", is_flag=True, help="Allow changes below /control/, on loopback only.")
@click.option("--clock", type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ"]), help="Stop the clock at this UTC time.")
@click.option("--updated-since", type=click.Choice(UPDATED_SINCE), help=f"Default: {DEFAULT}.")
@click.option("--rate-limit-tells", type=click.Choice(RATE_LIMITS), help=f"Default: {DEFAULT}.")
@click.option(
    "--commit-lag", type=click.FloatRange(0), default=0, help="Seconds until changes show, at most."
)
@click.option(
    "--latency", type=click.FloatRange(0), default=0, help="Seconds that every answer takes longer."
)
def main(
    port: int,
    host: str,
    ideas: int,
    seed: int,
    db: str,
    api_key: str,
    no_rate_limit: bool,
    control: bool,
    clock: datetime | None,
    updated_since: str | None,
    rate_limit_tells: str | None,
    commit_lag: float,
    latency: float,
) -> None:
    """A local server that behaves like Aha!'s REST API, over made-up data.

    Prints one line of JSON with its url and key when it is ready, and runs until it is stopped.

    \b
    Example:
      python -m sandbox --port 8080 --ideas 500 &
      curl -H 'Authorization: Bearer sandbox-key' 'http://127.0.0.1:8080/api/v1/ideas?per_page=2'
    """
    if not host:
        _refuse("--host is empty: leave it out, or name an address.")
    if not _is_loopback(host):
        if control:
            _refuse(f"--control lets anybody change the account, so not on {host}: leave out one of the two.")
        click.echo(f"Warning: {host} can be reached from other machines; the key protects little.", err=True)
    fixed = SandboxClock(clock.replace(tzinfo=UTC) if clock else None)
    existing = db != ":memory:" and Path(db).exists()
    try:
        given = {"updated_since": updated_since, "rate_limit": rate_limit_tells}
        switches = {name: value for name, value in given.items() if value}
        behaviour = adopted().changed({**switches, "commit_lag": commit_lag, "latency": latency})
        world = open_world(ideas=ideas, seed_number=seed, path=db, clock=fixed, behaviour=behaviour)
    except (StoreError, BehaviourError) as error:
        _refuse(str(error))
    if existing:
        click.echo(f"{db} holds an account already: --ideas and --seed were not used.", err=True)
    app = make_app(Traffic(world), api_key, rate_limit=not no_rate_limit, control=control)
    try:
        asyncio.run(_serve(app, host, port, api_key))
    finally:
        world.close()


async def _serve(app: web.Application, host: str, port: int, api_key: str) -> None:
    try:
        runner, port = await listen(app, host, port)
    except (OSError, UnicodeError) as error:
        # gaierror is an OSError too: the name is wrong, not the port.
        wrong = "--host" if isinstance(error, socket.gaierror | UnicodeError) else "--port"
        said = getattr(error, "strerror", None) or error
        _refuse(f"Cannot listen on {host}:{port}: {said}. Choose another {wrong}.")
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    click.echo(
        json.dumps({"url": f"http://{f'[{host}]' if ':' in host else host}:{port}", "api_key": api_key})
    )
    sys.stdout.flush()
    await stop.wait()
    await runner.cleanup()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _refuse(message: str) -> NoReturn:
    click.echo(message, err=True)
    sys.exit(2)


if __name__ == "__main__":
    main()
