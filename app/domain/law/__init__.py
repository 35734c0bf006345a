"""The law as data: typed facts, rules of typed tests, and the one answer that several rules give together."""
