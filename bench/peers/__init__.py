"""Other people's ways to do the same: one topic into one table, each in an environment of theirs.

`programs` run under the peers' own Python, made of `requirements.lock` when they are first asked
for; nothing of them is in the project's own environment.
"""
