"""Forms of resolv.conf: the questions that Go's resolver asks, in order."""
