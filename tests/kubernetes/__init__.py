"""What is in deploy/kubernetes: rendered as kubectl does, and checked without a cluster."""
