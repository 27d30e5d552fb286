"""Deploys a Lakeflow community connector to a Databricks workspace."""
