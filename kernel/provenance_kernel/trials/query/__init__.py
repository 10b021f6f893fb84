"""Questions about trials: which there are, what they ran and which values they tracked."""
