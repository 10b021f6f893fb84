"""The database: its models, its migrations, and the ways records get in and out."""
