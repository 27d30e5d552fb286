"""`nox -s ingest`: the merged file, inside Spark, brings Aha!'s tables into Delta tables on this machine."""

from scripts.lakehouse.stopping import StoppedError, end, listen

if __name__ == "__main__":
    try:
        # Before what takes a second to import, so that a stop is one sentence from the beginning.
        listen()
        from scripts.lakehouse.command import main

        main()
    except StoppedError as stopped:
        end(stopped)
