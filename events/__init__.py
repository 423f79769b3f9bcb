"""The vocabulary: every event, identifier and topic, and how they become bytes. No I/O here."""
