"""`python -m harness.probe`: not among the other commands, which need no connector and no sandbox."""

import sys


def main() -> None:
    try:
        # Takes a moment, in which somebody may change their mind.
        from harness.probe.command import probe
    except KeyboardInterrupt:
        sys.stderr.write("Stopped. Nothing was changed.\n")
        sys.exit(130)
    probe()


if __name__ == "__main__":
    main()
