"""One account's dispatcher: fold the log, take the seat, decide, write, then call the broker."""
