"""The contract between processes and with clients: REST bodies, queue messages, statuses, errors, the envelope.

Pure: nothing here opens a socket, reads a clock or imports another part of Angarium.
"""
