"""The ingest: the merged file in a local Spark brings tables into Delta tables on this machine."""
