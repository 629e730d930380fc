"""The exporter's own subjects: processes that are timed, round by round, beside the peers'."""
