"""What a person sees before and while a recording goes on."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Table
from rich.text import Text

from strict_cassettes.scenarios import Fit, Scenario

# A request that takes longer than this is most likely waiting for its turn.
QUIET_SECONDS = 2.0
# So often a line, where no terminal shows what goes on.
SILENT_SECONDS = 25.0
# What the connector sends where no option says otherwise.
REQUESTS_PER_MINUTE = 300


@contextmanager
def heartbeat(
    say: Callable[[], object], seconds: float = SILENT_SECONDS, wait: Callable[[float], bool] | None = None
) -> Iterator[None]:
    """Say something every so many seconds, for the length of a `with`: nobody knows of a silence whether
    anything goes on.

    Args:
        wait: waits so many seconds, and says whether it is over; by default until the `with` ends.
    """
    over = threading.Event()

    def beat() -> None:
        while not (wait or over.wait)(seconds):
            say()

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


class WaitColumn(ProgressColumn):
    """Requests so far, and how long nothing has come."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        quiet = time.monotonic() - task.fields["last"]
        waiting = f", waiting {quiet:.0f} s (rate limit or a slow answer)" if quiet > QUIET_SECONDS else ""
        return Text(f"{task.fields['requests']} requests{waiting}")


class Display:
    """A progress line on a terminal, one line a scenario elsewhere."""

    def __init__(
        self, console: Console, scenarios: Sequence[Scenario], connection: Mapping[str, str]
    ) -> None:
        self._console, self._scenarios, self._connection = console, scenarios, connection
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            WaitColumn(),
            console=console,
            transient=True,
        )
        self._beating = ExitStack()
        self._task = self._progress.add_task("", total=len(scenarios), requests=0, last=time.monotonic())

    def __enter__(self) -> "Display":
        if self._console.is_terminal:
            self._progress.start()
        else:
            self._beating.enter_context(heartbeat(self.say_where))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        self._beating.close()
        if self._console.is_terminal:
            self._progress.stop()

    def say_where(self) -> None:
        """What is read, and how many requests that took."""
        task = self._progress.tasks[0]
        quiet = time.monotonic() - task.fields["last"]
        waiting = ", waiting for the rate limit or a slow answer" if quiet > QUIET_SECONDS else ""
        told = f"  {task.description}: {task.fields['requests']} requests so far{waiting}"
        self._console.print(told, soft_wrap=True, markup=False)

    def begin(self, name: str) -> None:
        self._progress.update(self._task, description=name)

    def planned(self, fits: Mapping[str, Fit], sent: int) -> None:
        self._console.print(plan_table(self._scenarios, fits, self._connection, sent))

    def sent(self) -> None:
        requests = self._progress.tasks[0].fields["requests"] + 1
        self._progress.update(self._task, requests=requests, last=time.monotonic())

    def end(self, name: str, said: str) -> None:
        self._progress.advance(self._task)
        self._console.print(f"  {name}: {said}", soft_wrap=True, markup=False)


def plan_table(
    scenarios: Sequence[Scenario], fits: Mapping[str, Fit], connection: Mapping[str, str], sent: int
) -> Table:
    """What a recording will do: each scenario, about how many requests, or why the account lacks it."""
    found = [(scenario.name, fits.get(scenario.name, Fit())) for scenario in scenarios]
    total = sum(fit.requests or 0 for _, fit in found if not (fit.lacking or fit.fault))
    pace = int(connection.get("requests_per_minute") or REQUESTS_PER_MINUTE)
    lacking = sum(bool(fit.lacking) for _, fit in found)
    title = f"{len(found) - lacking} scenarios to record, {lacking} lacking"
    minutes = -(-total // pace)
    caption = (
        f"The first look took {sent} requests. About {total} more: {minutes} minute(s) at {pace:,} a minute."
    )
    table = Table("scenario", "requests", "chosen for this account", title=title, caption=caption)
    for name, fit in found:
        count = "" if fit.lacking or fit.requests is None else str(fit.requests)
        narrowed = ", ".join(sorted({*fit.options, *fit.start}))
        lacks = f"lacking: {fit.lacking}" if fit.lacking else f"failed: {fit.fault}" if fit.fault else ""
        table.add_row(name, count, escape(lacks or narrowed))
    return table
