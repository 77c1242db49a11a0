"""Raw HTTP/1 responses and the verdict of net/http on each."""
