"""What something costs beside something else, in the same process: a ratio, which no machine blurs."""

import time
from collections.abc import Callable


def times_the_work(did: Callable[[], object], beside: Callable[[], object]) -> float:
    """How many times the processor's time of one is that of the other; of each, the best of three."""
    return _best(did) / _best(beside)


def _best(did: Callable[[], object]) -> float:
    spent = []
    for _ in range(3):
        before = time.process_time()
        did()
        spent.append(time.process_time() - before)
    return min(spent)
