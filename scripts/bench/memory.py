"""How much memory a first sync takes, in a process of its own, while the number of ideas grows."""

import json
import resource
import subprocess
import sys
import tracemalloc
from pathlib import Path

from rich.console import Console

from connector.aha import AhaLakeflowConnect
from connector.offsets import is_unfinished
from sandbox.server import API_KEY

SIZES = (10_000, 100_000)
ROOT = Path(__file__).parents[2]
KILOBYTE, MEGABYTE = 1024, 1024 * 1024


def measure(console: Console) -> None:
    """Read all ideas of a small and of a large sandbox, each from a fresh process."""
    console.print("Memory of a first sync of ideas, read in micro-batches")
    for ideas in SIZES:
        command = [sys.executable, "-m", "sandbox", "--ideas", str(ideas), "--no-rate-limit"]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
            try:
                url = json.loads(server.stdout.readline())["url"] if server.stdout else ""
                for traced in ("traced", "plain"):
                    reader = [sys.executable, "-m", "scripts.bench.memory", url, traced]
                    done = subprocess.run(reader, cwd=ROOT, capture_output=True, text=True, check=True)
                    console.print(f"  {ideas:,} ideas: {done.stdout.strip()}")
            finally:
                server.terminate()


def read(url: str, traced: bool) -> None:
    """Read all ideas and print the peak: of Python's own allocations, or of the whole process."""
    connection = {
        "api_key": API_KEY,
        "subdomain": "company",
        "base_url": url,
        "requests_per_minute": "600000",
    }
    connector = AhaLakeflowConnect(connection)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if traced:
        tracemalloc.start()
    rows, end, more = 0, None, True
    while more:
        batches, end = connector.read_batches("ideas", end, {})
        rows += sum(batch.num_rows for batch in batches)
        more = is_unfinished(end)
    if traced:
        peak = tracemalloc.get_traced_memory()[1] / MEGABYTE
        print(f"{rows:,} rows, Python's allocations at most {peak:.0f} MB")
    else:
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * KILOBYTE / MEGABYTE
        print(f"{rows:,} rows, the process grew by {grown:.0f} MB")


if __name__ == "__main__":
    read(sys.argv[1], sys.argv[2] == "traced")
