"""What each number of a dashboard must be, computed of what happened, independently of PromQL."""
