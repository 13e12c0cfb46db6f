"""What authors write, in five kinds: each becomes HTML with merge tags.

`source` has the values, and `compile` turns a source into a page. Everything after that is the same
for all kinds.
"""
