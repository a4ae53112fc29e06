"""What the batch system, the launcher and the node say of this process."""
