"""Running a trial or a notebook again, to say what reproduces, what does not, and why."""
