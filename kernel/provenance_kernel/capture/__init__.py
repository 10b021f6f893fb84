"""What a cell run consumed and produced outside the namespace: files, environment, randomness."""
