"""The merge: the connector's modules become the one file that Databricks runs; and what is generated."""
