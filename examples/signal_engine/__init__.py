"""An example Signal Engine: plain rules over real daily closes, to give a dispatcher work."""

from examples.signal_engine.engine import recommendations

__all__ = ["recommendations"]
