"""Reads commands, in bash and in plain Python, for what they do to the world outside; nothing is run."""
