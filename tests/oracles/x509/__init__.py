"""Certificate chains and the verdict of crypto/tls on each."""
