"""The rules of judgement, one file each; they read a run and do not change it."""
