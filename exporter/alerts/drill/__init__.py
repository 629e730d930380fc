"""``vlmrun-exporter alerts drill``: when would the rules have fired over a history, for how long, and on what?"""
