"""Cursors over completed calls."""
