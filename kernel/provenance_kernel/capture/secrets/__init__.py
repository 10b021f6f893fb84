"""Recognises secrets by name, by form and by value, and takes them out of what is stored.

Ordinary hashes, UUIDs and base64 text have no such form, and stay.
"""
