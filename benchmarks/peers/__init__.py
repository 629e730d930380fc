"""What a user would pick instead of the exporter, fed the very same page bodies: see README.md."""
