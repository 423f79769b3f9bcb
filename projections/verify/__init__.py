"""The tables once more, in plain Python: what they must say, and where they say something else.

Nothing here shares code with the row functions, the merges or the engine: what they get wrong
would be wrong in the same way.
"""
