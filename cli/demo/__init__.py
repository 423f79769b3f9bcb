"""`dispatcher demo`: the whole system at work, in one command."""

from cli.demo.command import app

__all__ = ["app"]
