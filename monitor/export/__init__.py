"""Takes what the board says out of the process."""
