"""Recorded HTTP for connectors: scrubbed by rules, judged by a gate, replayed strictly and offline."""
