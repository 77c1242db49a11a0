"""HTTP/2 answers: whether Go's net/http accepts each."""
