"""Tests of which names a cell run reads, writes and deletes, and of what it depends on."""
