"""Tables folded from the log: pure functions from events to rows, and the engine that moves them."""
