"""Files of other systems: recognised, their keys in our words, and translated as far as that goes.

Nothing of it is loaded by a run of a file without mistakes.
"""
