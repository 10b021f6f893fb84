"""Tests of what is stored, and of how it is read again."""
