"""A broker in the parent process, used over a link; the broker itself may be any adapter."""
