"""Where decisions are made: state folded from the log, gates, sizing, decide. Pure: no I/O, no clock."""
