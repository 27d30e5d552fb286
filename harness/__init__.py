"""Records HTTP once, scrubbed, and replays it strictly: in tests, in other processes, for a person."""
