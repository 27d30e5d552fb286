"""`python -m harness.probe`: not among the other commands, which need no connector and no sandbox."""

from harness.probe.command import probe

if __name__ == "__main__":
    probe()
