"""What ``vlmrun-exporter alerts`` does: asks an Alertmanager what becomes of an alert, and tries rules on a history."""
