"""The ledger of the replaced service, into the logs of the accounts it was kept for."""
