"""Value types shared by all layers."""
