"""A local server that behaves like Aha!'s published REST API, over data it makes up."""
