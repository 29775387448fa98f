"""The declared models, one file each; every file reads like its equation."""
