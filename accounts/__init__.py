"""Where decisions are made: state folded from the log, gates, sizing, decide. No I/O, no clock."""
