"""Host names outside ASCII: the name that Go's net/http dials for each."""
