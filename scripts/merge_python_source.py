"""`nox -s build_artifact`: the merged file, or with `--check` whether the committed one is fresh."""

import sys

from scripts.merge.generated import main
from scripts.merge.mergeable import MergeError
from scripts.merge.merging import COMMAND, OUTPUT, build


def run() -> int:
    """Make the merged file. Returns the exit code."""
    try:
        return main(OUTPUT, build(), COMMAND, sys.argv[1:])
    except MergeError as error:
        print(f"Cannot merge. {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(run())
