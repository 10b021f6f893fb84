"""What a value of a trial came from."""
