"""The server: HTTP API, page and command line, and `up`, which runs all of Runwire on one machine."""
