"""What the loop is fed: batches of a loader, or tensors at the call; and the state to start again from."""
