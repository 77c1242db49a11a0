"""AWS protocols: signatures, credentials, instance metadata, EC2 responses."""
