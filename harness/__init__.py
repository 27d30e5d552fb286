"""This project's recorded cassettes, by the names that scripts use: `python -m harness record`, and so on."""
