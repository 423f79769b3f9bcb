"""Alpaca's paper brokerage: orders that are never sent twice and never lost."""
