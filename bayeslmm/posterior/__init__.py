"""From draws of theta to named variables, the tree, and what it says of rows."""
