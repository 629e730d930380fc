"""The dashboards as Python: what the JSON files beside this folder are generated from."""
