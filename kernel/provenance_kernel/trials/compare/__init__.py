"""What differs between two trials, and where they part."""
