"""What a person sees while a recording goes on."""

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from harness.scenarios import Scenario

# A request that takes longer than this is most likely waiting for its turn.
QUIET_SECONDS = 2.0


class WaitColumn(ProgressColumn):
    """Requests so far, and how long nothing has come."""

    max_refresh = 0.5

    def render(self, task: Task) -> Text:
        quiet = time.monotonic() - task.fields["last"]
        waiting = f", waiting {quiet:.0f} s (rate limit or a slow answer)" if quiet > QUIET_SECONDS else ""
        return Text(f"{task.fields['requests']} requests{waiting}")


class Display:
    """A progress line on a terminal, one line a scenario elsewhere."""

    def __init__(self, console: Console, scenarios: int) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            WaitColumn(),
            console=console,
            transient=True,
        )
        self._task = self._progress.add_task("", total=scenarios, requests=0, last=time.monotonic())

    def __enter__(self) -> "Display":
        if self._console.is_terminal:
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        self._progress.stop()

    def begin(self, scenario: Scenario) -> None:
        self._progress.update(self._task, description=scenario.name)

    def sent(self) -> None:
        requests = self._progress.tasks[0].fields["requests"] + 1
        self._progress.update(self._task, requests=requests, last=time.monotonic())

    def end(self, scenario: Scenario, interactions: int) -> None:
        self._progress.advance(self._task)
        self._console.print(f"  {scenario.name}: {interactions} interactions")
