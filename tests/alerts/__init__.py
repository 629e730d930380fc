"""Tests of the alert pack: rules, routing, notifications, runbooks."""
