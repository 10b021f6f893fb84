"""Running notebooks without a frontend."""
