"""Tables folded from the log: pure functions from events to rows, and what moves the rows."""
