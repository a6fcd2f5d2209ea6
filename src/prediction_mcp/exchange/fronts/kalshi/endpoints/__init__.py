"""The REST endpoints, a file per group. An endpoint is a plain function from a Call to the JSON of its answer."""
