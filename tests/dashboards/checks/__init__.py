"""What can be wrong with a dashboard that can be told from its file: each check yields problems, in words."""
