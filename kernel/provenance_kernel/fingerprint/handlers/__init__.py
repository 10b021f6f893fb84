"""How values are taken apart, a file for each library or part of Python; none is imported here."""
