"""Aha! product feedback as a Spark Python Data Source."""
