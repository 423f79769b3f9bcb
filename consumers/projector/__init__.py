"""The projector: reads every log and keeps the tables up to date."""
