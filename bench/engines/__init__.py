"""Engines execute the operations that programs yield."""
