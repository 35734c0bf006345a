"""Rehearsals: a policy run over the real book, by the code that runs live, with a virtual clock and nothing that sends."""
