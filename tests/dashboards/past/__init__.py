"""Days of history made in compressed time, and a Prometheus over them."""
