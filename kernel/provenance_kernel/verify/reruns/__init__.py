"""Running cells again in a fresh kernel, in a copy of the project that nothing leaves."""
