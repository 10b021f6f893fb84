"""The code that suffices to compute a value of a trial again."""
