"""What the exporter costs, measured beside what its users would pick instead: ``make bench``."""
