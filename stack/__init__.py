"""Kafka, a schema registry and PostgreSQL on this machine, without Docker."""
