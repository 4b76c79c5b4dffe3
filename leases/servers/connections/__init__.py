"""What speaks redis-py: imported once a connection is made, and not by whoever only reads a URL."""
